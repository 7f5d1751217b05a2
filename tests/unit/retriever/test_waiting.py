import io
import threading

import pytest

from retriever.waiting import waiting_for


class Screen(io.StringIO):
    """A stream that tells when something was written."""

    def __init__(self, *, terminal):
        super().__init__()
        self.terminal = terminal
        self.written = threading.Event()

    def isatty(self):
        return self.terminal

    def flush(self):
        self.written.set()


def test_a_person_is_told_what_takes_long():
    screen = Screen(terminal=True)
    with waiting_for("loading", after_s=0.01, out=screen):
        assert screen.written.wait(10)
    assert screen.getvalue() == "loading …\n"


@pytest.mark.parametrize(("terminal", "after_s"), [(True, 30.0), (False, 0.0)])
def test_nothing_is_said_of_what_is_quick_or_where_nobody_watches(terminal, after_s):
    screen = Screen(terminal=terminal)
    with waiting_for("loading", after_s=after_s, out=screen):
        pass
    assert screen.getvalue() == ""
