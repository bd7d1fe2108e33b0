"""One batch: its pairs, what is left of them, and what it writes."""

from collections.abc import Sequence
from pathlib import Path

from service.batch.maker import Maker
from service.batch.manifest.files import tidy
from service.batch.manifest.outcome import Failed, Made, Outcome
from service.batch.manifest.pairs import Pair
from service.batch.manifest.state import State, whole
from service.batch.run import Watcher, run_batch
from service.batch.sheet import write_sheet
from service.batch.table import write_table


class Batch:
    """The pairs of a folder of photos, and what has become of each."""

    def __init__(self, groups: Sequence[Sequence[Pair]], state: State, out: Path) -> None:
        self._groups, self._state, self._out = groups, state, out
        self.pairs = [pair for group in groups for pair in group]
        #: By the pair's id and its place: photos of the same bytes are one picture, in two places.
        self.outcomes: dict[str, Outcome] = {}
        for pair in self.pairs:
            made = state.entry(pair.key).made
            if made is not None and whole(out, made):
                self.outcomes[pair.key] = made
        self.left = [pair for pair in self.pairs if pair.key not in self.outcomes]

    @property
    def made(self) -> list[Made]:
        """The pictures that are there."""
        return [one for one in self.outcomes.values() if isinstance(one, Made)]

    @property
    def failed(self) -> list[Failed]:
        """What could not be made."""
        return [one for one in self.outcomes.values() if isinstance(one, Failed)]

    async def run(self, maker: Maker, watcher: Watcher, *, concurrency: int) -> None:
        """Make what is left."""
        for folder in {(self._out / pair.stem).parent for pair in self.pairs}:
            tidy(folder)  # a batch that was killed is no reason to deliver halves
        groups = [[pair for pair in group if pair.key not in self.outcomes] for group in self._groups]
        await run_batch(groups, maker, self._state, watcher, concurrency=concurrency, keep=self._keep)

    def write(self) -> None:
        """Write the table and the contact sheet."""
        write_table(self._out / "results.csv", ((pair, self.outcomes.get(pair.key)) for pair in self.pairs))
        write_sheet(self._out, self._groups, self.outcomes)

    def _keep(self, pair: Pair, outcome: Outcome) -> None:
        self.outcomes[pair.key] = outcome
