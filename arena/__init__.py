"""The referee: questions, turns, protocols, matches, store, tournaments, rewards, statistics.

Imports no player, no judge and no page: agents, judges and engines reach it as arguments.
"""
