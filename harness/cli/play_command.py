"""`testbed play`."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

import click

from harness import plan as plan_module
from harness import play, targets, trace
from harness import profile as profile_module
from harness.background import Background
from harness.cli.failures import CONFORMS, FAILS, NOT_JUDGED
from harness.profile import Profile
from harness.report.visible import line, visible
from testbed.dut import Description
from testbed.game import Budget, Game
from testbed.protocol import roles

#: Conversations and seconds, unless told otherwise.
EXAMPLES, SECONDS = 1_000_000, 60.0


@click.command("play", short_help="play games against devices: a model, hostile input")
@click.argument("profile", required=False, metavar="PROFILE")
@click.option("--dut", "duts", multiple=True, metavar="DUT", help="Known peer, host:port, FILE.toml, `installed`.")
@click.option("--examples", default=EXAMPLES, type=click.IntRange(1), help="Conversations, at most [no limit].")
@click.option("--seconds", default=SECONDS, type=click.FloatRange(1), show_default=True, help="Seconds, at most.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="The same seed plays the same [random].")
@click.option("--hostile", is_flag=True, help="Play malformed packets, short for --game hostile.")
@click.option("--game", "game_name", metavar="NAME", help="The game to play [the first one of the role].")
@click.option(
    "--lanes", default=8, type=click.IntRange(1, 64), show_default=True, help="Conversations at once a DUT."
)
@click.option("--replay", "traces", type=click.Path(path_type=Path), metavar="TRACE", help="Play this trace again.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write a trace of all that is found.")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what came of it.")
def command(
    profile: str | None,
    duts: tuple[str, ...],
    examples: int,
    seconds: float,
    seed: int | None,
    hostile: bool,
    game_name: str | None,
    lanes: int,
    traces: Path | None,
    out: Path | None,
    paths: tuple[Path, ...],
    quiet: bool,
) -> int:
    """Play many short conversations, made up from a seed, against every --dut of the role and edition of PROFILE, and
    say what no rule of the game allows, each with the fewest moves that show it.

    \b
    testbed play mqtt-broker-5.0 --dut mosquitto --seconds 60 --seed 1 --out found
    testbed play mqtt-broker-5.0 --dut mosquitto --hostile
    testbed play --replay found/mosquitto-mqtt-5-0-a-will-is-not-published.trace.json --dut mosquitto

    \b
    Exit codes: 0 nothing found; 1 deviations, each shown by every replay; 3 it could not be judged.
    """
    if not duts:
        raise click.UsageError("name at least one --dut; `testbed list peers` shows the known ones")
    if traces is not None:
        if profile or hostile or game_name:
            raise click.UsageError("--replay plays what the trace says: name no PROFILE and no game with it")
        stored = trace.read(traces)
        asked = _for(stored, paths)
        game = trace.game_of(stored.role, stored.game)
    else:
        if not profile:
            raise click.UsageError("name a PROFILE; `testbed list profiles` shows them")
        stored, asked = None, profile_module.load(profile, paths)
        game = _game(asked, "hostile" if hostile else game_name)
    described, folders, given = targets.descriptions(duts, asked.role)
    for dut in described:
        _fits(dut, asked)
    budget = Budget(examples, seconds, secrets.randbelow(2**31) if seed is None else seed, lanes)
    scores: list[play.Score] = []
    with tempfile.TemporaryDirectory(prefix="iot-testbed-play-") as logs:
        match = play.Match(asked, described, [game], budget, out or Path(logs), folders, given)
        interrupted = _run(match, stored, scores, quiet=quiet)
    _summary(scores, budget, stored, traces, out)
    if interrupted:
        click.echo("interrupted; what was found until then is above", err=True)
    return _exit_code(scores, interrupted)


def _for(stored: trace.Trace, paths: tuple[Path, ...]) -> Profile:
    """A profile for the role and edition of a trace: it lends its parameters."""
    for name in profile_module.places(paths):
        found = profile_module.load(name, paths)
        if (found.role, found.edition) == (stored.role, stored.edition):
            return found
    raise click.UsageError(f"no profile is known for {stored.role} in {stored.edition}; name its --profile-path")


def _game(profile: Profile, name: str | None) -> Game:
    if name:
        return trace.game_of(profile.role, name)
    role = roles().get(profile.role)
    if role is None or not role.games:
        able = ", ".join(one.name for one in roles().values() if one.games)
        raise click.UsageError(f"no game is known for the role {profile.role}; there are some for {able}")
    return role.games[0]


def _fits(dut: Description, profile: Profile) -> None:
    if dut.role != profile.role or not plan_module.speaks(dut, profile.edition):
        raise click.UsageError(
            f"{dut.name} cannot be played by {profile.name} (role {profile.role}, {profile.edition}): it is "
            f"described as {dut.role} speaking {', '.join(dut.endpoints)}"
        )


def _run(match: play.Match, stored: trace.Trace | None, scores: list[play.Score], *, quiet: bool) -> bool:
    """Play, saying what happens; True when it was interrupted."""

    def told(dut: str, text: str) -> None:
        if not quiet:
            click.echo(visible(f"{dut}: {line(text)}"), err=True)

    async def work() -> None:
        if stored is not None:
            await play.replay(match, stored, told, scores)
        else:
            await play.play(match, told, scores)

    background = Background(work).start()
    try:
        while not background.join(0.2):
            pass
    except KeyboardInterrupt:
        return True
    finally:
        background.stop()
    if background.error is not None:
        raise background.error
    return False


def _summary(
    scores: list[play.Score],
    budget: Budget,
    stored: trace.Trace | None,
    traces: Path | None,
    out: Path | None,
) -> None:
    for score in scores:
        for found in score.found:
            click.echo(visible(f"\n{found.verdict.upper()} {score.dut}: {found.kind}  [{found.requirement}]"))
            for move in found.text:
                click.echo(visible(f"    {move}"))
            click.echo(visible(f"  expected {line(found.expected)}\n  came {line(found.came)}"))
            shown = f"{found.shown} of {found.replays} replays show it" if found.replays else "it was not replayed"
            click.echo(f"  {shown}")
            if out and stored is None:
                written = trace.write(found, out)
                click.echo(f"  trace: {written}; a case of it: testbed new case {written} --name a_sentence_about_it")
    click.echo("")
    for score in scores:
        failed = sum(found.verdict == "fail" for found in score.found)
        doubtful = len(score.found) - failed
        count = f"{failed} deviations" + (f", {doubtful} uncertain" if doubtful else "")
        if stored is not None:
            what = f"the trace {traces}"
        else:
            what = f"{score.played} conversations in {score.seconds:.1f} s, seed {budget.seed}"
        text = f"{score.dut} {score.version}  {score.game}  {score.verdict.upper()}  {count}; {what}"
        click.echo(visible(text))
        if score.trouble:
            click.echo(visible(f"  {score.dut}: {score.trouble}"))


def _exit_code(scores: list[play.Score], interrupted: bool) -> int:
    verdicts = {score.verdict for score in scores}
    if "fail" in verdicts:
        return FAILS
    return CONFORMS if verdicts == {"pass"} and not interrupted else NOT_JUDGED
