"""Whom the administration pages are for, what is done about people, and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deskpages import Desk
from office import (
    HOSTILE,
    PAGES,
    SECRET,
    built,
    choose,
    enter,
    events,
    key,
    opened,
    person,
    refused,
    sign_in,
    table,
)
from stage import match, question
from streamlit.testing.v1 import AppTest

from arena.desk import acts, audit, identity, logins, passcodes
from arena.desk.identity import ADMIN, JUDGE, RESEARCHER, Person
from arena.desk.settings import Settings
from arena.store import Store
from ui.web.views.acting import WAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return built(tmp_path / "s.db")


# Whom the pages are for.


def bare(page: str, path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Desk:
    """A page's module, drawn as if its address had been let through."""

    def script() -> None:
        import sys
        from importlib import import_module

        from ui.serve import arguments

        import_module(f"ui.web.views.{sys.argv[1]}").draw(arguments(sys.argv[2:]), None)

    sign_in(monkeypatch, name)
    monkeypatch.setattr("sys.argv", ["script", PAGES[page], f"--store={path}"])
    return Desk(AppTest.from_function(script, default_timeout=120)).again()


@pytest.mark.parametrize("page", PAGES)
def test_a_judge_gets_nothing_of_any_page_and_a_researcher_the_exports_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    with Store(path) as store:
        enter(store, "Rita", RESEARCHER)
    refused = bare(page, path, monkeypatch, "Ada")
    assert refused.words() == "Your role does not allow this."
    assert not [*refused.buttons(), *refused.app.dataframe, *refused.app.selectbox]
    reader = bare(page, path, monkeypatch, "Rita")
    if page == "data":
        assert "Export" not in reader.buttons() and "Dry run" not in reader.buttons()
        assert not reader.app.get("file_uploader") and len(reader.parts()) == 1
    else:
        assert reader.words() == "Your role does not allow this."
    assert not bare(page, path, monkeypatch, "Carol").app.error


@pytest.mark.parametrize("name, there", [("Ada", set()), ("Rita", {"data"}), ("Carol", set(PAGES))])
def test_the_list_of_pages_has_only_what_the_role_may_see(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, there: set[str]
) -> None:
    from ui.web.desk_pages import pages_of

    with Store(path) as store:
        enter(store, "Rita", RESEARCHER)
    assert {one.url for one in pages_of(person(path, name).role)} & set(PAGES) == there


@pytest.mark.parametrize("change", ["demoted", "revoked"])
def test_a_click_counts_for_nothing_once_the_role_is_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The pages were drawn for an admin; what was clicked came after."""
    people = opened(path, monkeypatch, "people")
    plans = opened(path, monkeypatch, "assignments").click("Preview")
    form = opened(path, monkeypatch, "assignments", part="Settings")
    log = opened(path, monkeypatch, "audit")
    with Store(path) as store:
        carol = identity.named(store, "Carol").id
        enter(store, "Emma", ADMIN)  # or Carol could not go
        if change == "demoted":
            identity.set_role(store, carol, RESEARCHER)
        else:
            identity.revoke(store, carol)
        before = list(store.conn.iterdump())
    people.app.text_input(key="invite name").set_value("Dora")
    for desk, button in (
        (people, "Make a link"),
        (people, "New link"),
        (plans, "Yes, commit"),
        (form, "Save settings"),
        (log, "Older"),
    ):
        found = [one for one in desk.app.button if one.label == button]
        if found and not found[0].disabled:
            found[0].click().run()
        assert not desk.app.code and "Preview" not in desk.words()
    with Store(path) as store:
        assert list(store.conn.iterdump()) == before


# People.


def test_the_list_says_who_is_here_and_how_they_get_in(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        passcodes.set_passcode(store, identity.named(store, "Ada").id, SECRET)
        identity.start_session(store, identity.named(store, "Ada").id, "passcode")
        acts.submit(store, match(question(0, "story 0")), identity.named(store, "Ada").id, "A",
                    0.75, "because")  # fmt: skip
        identity.invite(store, HOSTILE)
        identity.revoke(store, identity.named(store, "Bob").id)
        store.execute({"INSERT INTO logins VALUES (?,?,?)": [
            ("https://id.example", HOSTILE, identity.named(store, "Ada").id)]})  # fmt: skip
    desk = opened(path, monkeypatch, "people")
    rows = table(desk, "Signed in")
    by_name = {name: n for n, name in enumerate(rows["Name"])}
    ada, bob, carol = by_name["Ada"], by_name["Bob"], by_name["Carol"]
    assert rows["Role"][carol] == "admin" and rows["Role"][ada] == "judge"
    assert rows["Judged"][ada] == 1 and rows["Judged"][carol] == 0
    assert rows["Can sign in by"][ada] == "passcode, login" and rows["Last seen"][ada] == "just now"
    assert (rows["Access"][bob], rows["Signed in"][bob]) == ("revoked", 0)
    assert rows["Signed in"][ada] == 1
    (hostile,) = (name for name in rows["Name"] if "outside" in name)
    assert "⟦U+202E⟧" in hostile and rows["Can sign in by"][by_name[hostile]] == "open link"
    assert table(desk, "Issuer")["Name"] == ["Ada"]
    marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
    assert not any("outside" in str(one.value) for one in marked)


def test_a_link_is_shown_once_and_works_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = opened(path, monkeypatch, "people")
    desk.app.text_input(key="invite name").set_value("  Dora   Doe ")
    desk.app.selectbox(key="invite role").set_value(RESEARCHER)
    desk.app.number_input(key="invite hours").set_value(5.0)
    desk.click("Make a link")
    (code,) = desk.app.code
    token = code.value.rpartition("/join/")[2]
    with Store(path) as store:
        (row,) = store.query("SELECT * FROM invites ORDER BY made_at DESC LIMIT 1")
        assert row["expires"] - row["made_at"] == 5 * 3600
        assert token not in "".join(store.conn.iterdump())  # the hash alone is kept
        assert row["made_by"] == identity.named(store, "Carol").id
    desk.again()
    assert desk.app.code[0].value == code.value  # not lost by another click on the page
    desk.click("I have copied it")
    assert not desk.app.code and not any(token.encode() in part for part in desk.sent())
    with Store(path) as store:
        found = identity.accept(store, token)
        assert found is not None and (found[0].name, found[0].role) == ("Dora Doe", RESEARCHER)
        assert identity.accept(store, token) is None


def test_a_link_is_gone_when_the_page_was_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = opened(path, monkeypatch, "people").click("New link")
    assert len(desk.app.code) == 1
    desk.app.session_state[WAY] = ("queue", {})
    desk.again()
    assert not desk.app.code
    desk.app.session_state[WAY] = ("people", {})
    desk.again()
    assert not desk.app.code and "Make a link" in desk.buttons()


@pytest.mark.parametrize(
    "name, line",
    [("", "A name has 1 to 80 characters"), (" \n ", "A name has 1 to 80"),
     ("Ada", "This name is known, as judge.")],
)  # fmt: skip
def test_an_invite_that_cannot_be_is_refused_in_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str
) -> None:
    desk = opened(path, monkeypatch, "people")
    desk.app.text_input(key="invite name").set_value(name)
    desk.app.selectbox(key="invite role").set_value(ADMIN)
    before = events(path)
    desk.click("Make a link")
    assert refused(desk).startswith(line) and not desk.app.code
    assert events(path) == before and person(path, "Ada").role == JUDGE


def test_a_click_made_while_another_person_was_being_chosen_hits_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada")
    button = next(one for one in desk.app.button if one.label == "Yes, revoke")
    desk.app.selectbox(key="who").set_value(person(path, "Bob").id)
    button.click().run()
    assert refused(desk).startswith("Another person was chosen just then")
    assert person(path, "Ada").revoked_at is None and person(path, "Bob").revoked_at is None


def test_a_new_link_ends_the_one_before_and_a_link_can_be_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        first = identity.invite(store, "Ada")
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada").click("New link")
    token = desk.app.code[0].value.rpartition("/join/")[2]
    with Store(path) as store:
        assert identity.invited(store, first) is None
        assert identity.invited(store, token) == person(path, "Ada")
    desk.click("End this link")
    assert "The link does not work any more." in desk.words() and not desk.app.code
    assert "End this link" not in desk.buttons()
    with Store(path) as store:
        assert identity.invited(store, token) is None
    assert events(path)[-1] == "invite revoked"


def test_a_role_holds_at_once_and_is_on_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada")
    key(desk, "selectbox", "role").set_value(RESEARCHER)
    desk.again()
    assert person(path, "Ada").role == RESEARCHER and "The role is changed." in desk.words()
    with Store(path) as store:
        row = audit.log(store)[0][0]
    assert (row["who"], row["kind"], row["about"]) == ("Carol", "role", "Ada")


def test_access_is_revoked_and_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as store:
        token = identity.start_session(store, identity.named(store, "Ada").id, "test")
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada").click("Sign out everywhere")
    assert "Sessions that were ended: 2." in desk.words()
    with Store(path) as store:
        assert identity.signed_in(store, token) is None
    desk.click("Yes, revoke")
    assert person(path, "Ada").revoked_at is not None and "Yes, revoke" not in desk.buttons()
    desk.click("Let in again")
    assert person(path, "Ada").revoked_at is None and "New link" in desk.buttons()
    assert events(path)[-3:] == ["sessions revoked", "revoked", "restored"]


def test_a_passcode_is_kept_if_it_was_given_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada")
    ada = person(path, "Ada").id
    for given, again, line in [
        (SECRET, SECRET + "!", "The two passcodes are not the same."),
        ("short", "short", "A passcode has 10 to 200 characters; this one has 5."),
        (SECRET, SECRET, None),
    ]:
        desk.app.text_input(key=f"passcode {ada}").set_value(given)
        desk.app.text_input(key=f"again {ada}").set_value(again)
        desk.click("Keep it")
        with Store(path) as store:
            assert passcodes.has_passcode(store, ada) == (line is None)
            assert passcodes.fit(store, ada, SECRET) == (line is None)
        assert (refused(desk) if line else "") == (line or "")
        assert len(desk.app.error) == bool(line)
    assert not any(SECRET.encode() in part for part in desk.sent())


def test_the_last_admin_can_be_locked_out_by_no_click(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = person(path, "Carol").id
    desk = choose(opened(path, monkeypatch, "people"), path, "Carol")
    tries: list[Callable[[], object]] = [
        lambda: desk.click("Yes, revoke"),
        lambda: desk.click("Sign out everywhere"),  # without a passcode there is no way back
        lambda: key(desk, "selectbox", "role").set_value(JUDGE).run(),
    ]
    for attempt in tries:
        attempt()
        assert refused(desk).startswith("Nobody else could manage the desk then")
        assert person(path, "Carol") == Person(carol, "Carol", ADMIN, None)
        with Store(path) as store:
            assert identity.session_counts(store)[carol] == 1
    with Store(path) as store:
        identity.invite(store, "Dora", ADMIN)  # who has not joined cannot manage anything
    desk.again().click("Yes, revoke")
    assert person(path, "Carol").revoked_at is None
    with Store(path) as store:
        session = identity.start_session(store, carol, "test")
        passcodes.set_passcode(store, carol, SECRET, keep=session)
    desk.click("Sign out everywhere")  # she can sign in again
    assert not desk.app.error
    with Store(path) as store:
        enter(store, "Emma", ADMIN)
    desk.click("Yes, revoke")
    assert person(path, "Carol").revoked_at is not None


@pytest.mark.parametrize("act", ["role", "passcode", "revoke"])
def test_a_click_signs_the_person_out_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    desk = choose(opened(path, monkeypatch, "people"), path, "Ada")
    if act == "role":
        key(desk, "selectbox", "role").set_value(RESEARCHER).run()
        told = "The role is changed. Signed out on 1 device. They need a new link to come back."
    elif act == "revoke":
        desk.click("Yes, revoke")
        told = "Access is revoked. Signed out on 1 device. Planned debates can be taken back"
    else:
        for name in ("passcode", "again"):
            key(desk, "text_input", name).set_value(SECRET)
        desk.click("Keep it")
        told = "The passcode is kept. Signed out on 1 device."
    assert told in desk.words()
    with Store(path) as store:
        counts = identity.session_counts(store)
    assert person(path, "Ada").id not in counts and counts[person(path, "Carol").id] == 1


def test_admins_stay_in_where_they_set_their_own_passcode(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.web.gate import COOKIE

    with Store(path) as store:
        carol = identity.named(store, "Carol").id
        passcodes.set_passcode(store, carol, SECRET)
        own, other = (identity.start_session(store, carol, "test") for _ in range(2))
    desk = choose(opened(path, monkeypatch, "people"), path, "Carol")

    class Context:
        cookies = {COOKIE: own}  # noqa: RUF012
        url = "http://desk.example/people"

    monkeypatch.setattr("streamlit.context", Context)
    for name in ("passcode", "again"):
        key(desk, "text_input", name).set_value(SECRET + "!")
    desk.click("Keep it")
    assert "The passcode is kept. Signed out on 1 device." in desk.words()
    with Store(path) as store:
        assert identity.signed_in(store, own) is not None
        assert identity.signed_in(store, other) is None


def test_a_login_is_taken_away_by_a_click(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as store:
        ada = identity.named(store, "Ada").id
        for name, sub in (("Ada", HOSTILE), ("Bob", "43")):
            store.execute({"INSERT INTO logins VALUES (?,?,?)": [
                ("https://id.example", sub, identity.named(store, name).id)]})  # fmt: skip
    desk = opened(path, monkeypatch, "people")
    assert table(desk, "Subject")["Name"] == ["Ada", "Bob"]
    assert not any("\u202e".encode() in part for part in desk.sent())
    desk.click("Take this login away")
    assert "The login is taken away. Signed out on 1 device." in desk.words()
    assert table(desk, "Subject")["Name"] == ["Bob"]
    with Store(path) as store:
        assert ada not in identity.session_counts(store)
        assert [one.subject for one in logins.bound(store)] == ["43"]
        store.execute({"DELETE FROM logins": [()]})
    desk.click("Take this login away")
    assert refused(desk) == "This login is not there any more."
    assert [kind for kind in events(path) if kind == "login unbound"] == ["login unbound"]


# The log.


def test_the_log_is_filtered_and_turned_page_by_page(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.web.views import audit_view

    monkeypatch.setattr(audit_view, "PAGE", 4)
    with Store(path) as store:
        acts.submit(store, match(question(0, "story 0")), identity.named(store, "Ada").id, "A",
                    0.75, HOSTILE)  # fmt: skip
        every, _ = audit.log(store)
    desk = opened(path, monkeypatch, "audit")

    def shown() -> list[str]:
        return table(desk, "Sitting")["What"]

    words = [row["words"] for row in every]
    assert shown() == words[:4] and len(words) > 8
    desk.click("Older")
    assert shown() == words[4:8]
    desk.click("Older").click("Newer")
    assert shown() == words[4:8]
    assert desk.click("Newer").app.button(key="newer").disabled
    desk.app.selectbox(key="audit kind").set_value("verdict")
    desk.again()
    assert shown() == ["gave a verdict"]
    desk.app.selectbox(key="audit kind").set_value("")
    desk.app.selectbox(key="audit person").set_value(person(path, "Ada").id)
    desk.again()
    assert set(table(desk, "Sitting")["Who"]) | set(table(desk, "Sitting")["About"]) >= {"Ada"}
    desk.app.text_input(key="audit match").set_value("no such debate")
    assert "Nothing like this has happened yet." in desk.again().words()


def test_one_event_is_shown_whole_and_leads_to_its_debate(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import streamlit as st

    one = match(question(0, "story 0"))
    with Store(path) as store:
        ada = identity.named(store, "Ada").id
        acts.submit(store, one, ada, "A", 0.75, "because")
        acts.report(store, one, ada, Settings(), HOSTILE)
    real = st.dataframe
    monkeypatch.setattr(
        st, "dataframe",
        lambda *given, **named: real(*given, **named) and {"selection": {"rows": [0]}},
    )  # fmt: skip
    desk = opened(path, monkeypatch, "audit")
    assert any("outside.invalid" in text.value and "⟦U+202E⟧" in text.value
               for text in desk.app.text)  # fmt: skip
    marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
    assert not any("outside" in str(found.value) for found in marked)
    monkeypatch.setattr(st, "dataframe", real)
    desk.app.button(key="open debate").click().run()
    assert desk.app.query_params["id"] in (one.id, [one.id])
