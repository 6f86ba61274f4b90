"""The pages of the desk, one module each: ``draw(args, person)`` draws one."""
