"""What goes wrong, said in words, with the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

CONFORMS, FAILS, WRONG_USE, NOT_JUDGED = 0, 1, 2, 3


def said(call: Callable[[], Any]) -> int:
    """Run `call` and return the exit code it asks for; failures that a person can mend are printed to stderr."""
    from harness.journal import JournalError
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
        error.show()
        return WRONG_USE
    except (FileError, SuiteError, LookupError) as error:
        # A KeyError or IndexError is a bug of ours, and LookupError proper is a name that nobody knows.
        if type(error) in (KeyError, IndexError):
            raise
        click.echo(f"testbed: {error.args[0] if error.args else error}", err=True)
        return WRONG_USE
    except (LaunchError, JournalError) as error:
        click.echo(f"testbed: {error}", err=True)
        return NOT_JUDGED
    except BrokenPipeError:
        return NOT_JUDGED
    return code if isinstance(code, int) else CONFORMS
