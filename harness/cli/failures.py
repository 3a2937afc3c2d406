"""What goes wrong, said in words, with the right exit code."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from typing import Any

import click

CONFORMS, FAILS, WRONG_USE, NOT_JUDGED = 0, 1, 2, 3


def said(call: Callable[[], Any]) -> int:
    """Run `call` and return the exit code it asks for; failures that a person can mend are printed to stderr."""
    from harness.journal import JournalError
    from harness.report.visible import visible
    from harness.suite import SuiteError
    from testbed.files import FileError
    from testbed.launch.placed import LaunchError

    try:
        code = call()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return NOT_JUDGED
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(visible(shown.getvalue()), nl=False, err=True)
        return WRONG_USE
    except (FileError, SuiteError, LookupError) as error:
        # A KeyError or IndexError is a bug of ours, and LookupError proper is a name that nobody knows.
        if type(error) in (KeyError, IndexError):
            raise
        click.echo(visible(f"testbed: {error.args[0] if error.args else error}"), err=True)
        return WRONG_USE
    except (LaunchError, JournalError) as error:
        click.echo(visible(f"testbed: {error}"), err=True)
        return NOT_JUDGED
    except BrokenPipeError:
        return NOT_JUDGED
    except OSError as error:
        # What is written is named; what we forgot to foresee is a bug and keeps its traceback.
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        place = f"{error.filename}: " if error.filename else ""
        click.echo(visible(f"testbed: {place}{error.strerror}"), err=True)
        return NOT_JUDGED
    return code if isinstance(code, int) else CONFORMS
