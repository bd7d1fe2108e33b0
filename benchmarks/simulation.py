"""A fleet of workers as a discrete-event simulation (simpy): queue, device lanes, autoscaler, cold starts, spot nodes.

A worker carries `in_flight` jobs at once. A job runs on the cores next to the others, and then on the device, which
runs one batch at a time. Jobs that wait for the device form a batch of up to `batch_size`. Jobs start in the order of
their submits.
"""

import math
import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

#: A process of simpy's.
Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Work:
    """Seconds of a job: on the cores next to the others, and on the device."""

    cores: float
    device: float

    @property
    def seconds(self) -> float:
        """Seconds without any waiting."""
        return self.cores + self.device


@dataclass(frozen=True)
class Plan:
    """A fleet to simulate. Durations are seconds."""

    low: int = 1
    #: Equal to `low`: no autoscaler.
    high: int = 1
    in_flight: int = 1
    batch_size: int = 1
    #: Device time of each further picture of a batch, as a share of the first one's.
    batch_share: float = 1.0
    #: Running jobs for each worker that the autoscaler wants: `in_flight` × the target share of busy slots.
    jobs_per_worker: float = 0.8
    #: Weight of a waiting job against a running one: its seconds over those in which a backlog should be cleared. With
    #: a weight of 1, the jobs of one cold start would order many times the workers that the load needs.
    waiting_weight: float = 0.1
    poll: float = 15.0
    #: Most new workers in a minute: this number, or this share of the present ones if that is more.
    up: int = 2
    up_share: float = 1.0
    #: A worker is removed when fewer were enough for this long: one a minute, or this share of the present ones if that
    #: is more. The last one is removed after `cooldown`, where `low` is 0.
    down_window: float = 300.0
    down_share: float = 0.1
    cooldown: float = 600.0
    #: From ordering a worker to its first job: node, image, networks.
    cold_start: float = 60.0
    #: Mean life of a spot node; 0: for ever. Its jobs start again `lease` later.
    spot_life: float = 0.0
    lease: float = 20.0

    @property
    def scaled(self) -> bool:
        """Whether the fleet has an autoscaler."""
        return self.high > self.low


@dataclass
class Outcome:
    """The result of a simulation. `jobs`: seconds at which each was submitted, last started, and ended."""

    jobs: list[tuple[float, float, float]] = field(default_factory=list)
    worker_seconds: float = 0.0
    peak: int = 0
    lost: int = 0
    cold_starts: int = 0
    #: Jobs that were still waiting at the end.
    left: int = 0

    def waits(self) -> list[float]:
        """Return the seconds from submit to start."""
        return [started - submitted for submitted, started, _ in self.jobs]

    def times(self) -> list[float]:
        """Return the seconds from submit to end."""
        return [ended - submitted for submitted, _, ended in self.jobs]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of the values by linear interpolation; 0 without values."""
    if not values:
        return 0.0
    at = share * (len(values) - 1)
    ordered, below = sorted(values), math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


class _Worker:
    """A worker, whose slots take the oldest waiting job until it is removed."""

    def __init__(self, fleet: "_Fleet", start: float) -> None:
        self._fleet, self.born = fleet, fleet.env.now
        #: Succeeds with whether the worker can hand back its jobs.
        self.gone = fleet.env.event()
        self.process = fleet.env.process(self._live(start))

    def _live(self, start: float) -> Steps:
        env, plan = self._fleet.env, self._fleet.plan
        yield env.timeout(start) | self.gone
        if not self.gone.triggered:
            lane = _Lane(env, plan)
            slots = [env.process(self._carry(lane)) for _ in range(plan.in_flight)]
            if plan.spot_life:
                env.process(self._taken_away())
            yield self.gone
            for slot in slots:
                slot.interrupt()
        self._fleet.remove(self, back=plan.spot_life > 0 and not self.gone.value)

    def _taken_away(self) -> Steps:
        yield self._fleet.env.timeout(self._fleet.draw.expovariate(1 / self._fleet.plan.spot_life))
        if not self.gone.triggered:
            self.gone.succeed(False)

    def _carry(self, lane: "_Lane") -> Steps:
        fleet = self._fleet
        get = fleet.waiting.get()
        try:
            while True:
                item: Any = yield get
                started = fleet.env.now
                fleet.busy += 1
                try:
                    yield fleet.env.timeout(item.item.cores)
                    if item.item.device:
                        yield lane.ask(item.item.device)
                    fleet.outcome.jobs.append((item.priority[0], started, fleet.env.now))
                except simpy.Interrupt:
                    fleet.outcome.lost += 1
                    fleet.env.process(fleet.again(item, 0.0 if self.gone.value else fleet.plan.lease))
                    return
                finally:
                    fleet.busy -= 1
                get = fleet.waiting.get()
        except simpy.Interrupt:
            if get.triggered:
                fleet.waiting.put(get.value)
            else:
                get.cancel()


class _Fleet:
    """The state of one simulation."""

    def __init__(self, env: simpy.Environment, plan: Plan, draw: random.Random) -> None:
        self.env, self.plan, self.draw = env, plan, draw
        self.waiting = simpy.PriorityStore(env)
        self.outcome = Outcome()
        self.workers: list[_Worker] = []
        self.busy = 0

    def submit(self, number: int, work: Work) -> None:
        # Ordered by submit, so that a lost job comes before later ones.
        self.waiting.put(simpy.PriorityItem((self.env.now, number), work))

    def again(self, item: simpy.PriorityItem, later: float) -> Steps:
        yield self.env.timeout(later)
        self.waiting.put(item)

    def add(self, *, warm: bool = False) -> None:
        self.outcome.cold_starts += not warm
        self.workers.append(_Worker(self, 0.0 if warm else self.plan.cold_start))
        self.outcome.peak = max(self.outcome.peak, len(self.workers))

    def remove(self, worker: _Worker, *, back: bool) -> None:
        """Add the worker's seconds. `back`: it was lost, so another one replaces it."""
        self.workers.remove(worker)
        self.outcome.worker_seconds += self.env.now - worker.born
        if back:
            self.add()

    def scale(self) -> Steps:
        """Scale as KEDA's PostgreSQL trigger and the HorizontalPodAutoscaler do with the chart's values."""
        plan, quiet = self.plan, 0.0
        wanted: list[tuple[float, int]] = []
        #: Numbers of workers in the last minute.
        counts: list[tuple[float, int]] = []
        while True:
            now, load = self.env.now, len(self.waiting.items) * plan.waiting_weight + self.busy
            there = sum(not one.gone.triggered for one in self.workers)
            counts = [*((at, many) for at, many in counts if at > now - 60), (now, there)]
            fewest, most = (choose(many for _, many in counts) for choose in (min, max))
            want = min(plan.high, max(plan.low, math.ceil(load / plan.jobs_per_worker)))
            want = min(want, fewest + max(plan.up, math.ceil(fewest * plan.up_share)))
            wanted = [*((at, many) for at, many in wanted if at > now - plan.down_window), (now, want)]
            quiet = 0.0 if load else quiet + plan.poll
            keep = max(max(many for _, many in wanted), most - max(1, int(most * plan.down_share)))
            if self.workers and not plan.low and quiet < plan.cooldown:
                keep = max(keep, 1)
            for _ in range(want - there):
                self.add()
            # The youngest first, as in Kubernetes. Each hands back its jobs.
            for worker in [one for one in self.workers if not one.gone.triggered][keep:]:
                worker.gone.succeed(True)
            yield self.env.timeout(plan.poll)


class _Lane:
    """A worker's device, which runs one batch at a time."""

    def __init__(self, env: simpy.Environment, plan: Plan) -> None:
        self._env, self._plan = env, plan
        self._asked: list[tuple[float, simpy.Event]] = []
        self._held = False

    def ask(self, seconds: float) -> simpy.Event:
        done = self._env.event()
        self._asked.append((seconds, done))
        if not self._held:
            self._held = True
            self._env.process(self._hold())
        return done

    def _hold(self) -> Steps:
        while self._asked:
            batch, self._asked = self._asked[: self._plan.batch_size], self._asked[self._plan.batch_size :]
            longest = max(seconds for seconds, _ in batch)
            yield self._env.timeout(longest * (1 + (len(batch) - 1) * self._plan.batch_share))
            for _, done in batch:
                done.succeed()
        self._held = False


def simulate(plan: Plan, jobs: Sequence[tuple[float, Work]], *, seconds: float | None = None, seed: int = 1) -> Outcome:
    """Return the outcome of jobs, in order with the second of each submit, until all have ended or for `seconds`."""
    env = simpy.Environment()
    fleet = _Fleet(env, plan, random.Random(seed))
    for _ in range(plan.low):
        fleet.add(warm=True)

    def arrive() -> Steps:
        for number, (at, work) in enumerate(jobs):
            yield env.timeout(max(0.0, at - env.now))
            fleet.submit(number, work)
        while seconds is None and len(fleet.outcome.jobs) < len(jobs):
            yield env.timeout(1.0)

    arriving = env.process(arrive())
    if plan.scaled:
        env.process(fleet.scale())
    env.run(arriving if seconds is None else seconds)
    outcome = fleet.outcome
    outcome.left = len(jobs) - len(outcome.jobs)
    # Present workers are paid until now.
    outcome.worker_seconds += sum(env.now - worker.born for worker in fleet.workers)
    return outcome
