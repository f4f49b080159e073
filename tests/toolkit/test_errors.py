"""A message may quote a file, and a file may hold anything."""

from __future__ import annotations

from wearkit.errors import LONGEST_MESSAGE, DataError, ModelFileError


def test_a_plain_sentence_is_left_alone() -> None:
    assert str(DataError("Zoë's file is ± empty.")) == "Zoë's file is ± empty."


def test_what_a_terminal_obeys_is_spelt_out() -> None:
    said = str(ModelFileError("See \x1b[2J\x07, \u202e and \udce9\n in it."))
    assert said == "See \\x1b[2J\\x07, \\u202e and \\udce9\\n in it."
    assert said.isprintable()


def test_a_flood_is_cut_in_its_middle() -> None:
    said = str(DataError("It begins " + "a" * 10**6 + " and ends."))
    assert len(said) <= LONGEST_MESSAGE
    assert said.startswith("It begins a") and said.endswith("a and ends.")
