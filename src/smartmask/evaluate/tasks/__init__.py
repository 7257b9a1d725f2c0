"""The benchmarks, one file (or folder with a ``main.py``) each: settings come in, a report and its figures go out.

They never change the weights or scenes that they judge. Adding one is its file and its line here; ``smartmask eval``
shows it then.
"""

from smartmask.evaluate.protocol import Benchmark
from smartmask.evaluate.tasks import (
    attributes,
    diversity,
    gallery,
    hidden,
    judge,
    machines,
    order,
    placement_folds,
    questions,
    realism,
    scene,
    sense,
    service,
    speed,
    text,
)
from smartmask.evaluate.tasks.cost import main as cost
from smartmask.evaluate.tasks.exactness import main as exactness
from smartmask.evaluate.tasks.insertion import main as insertion
from smartmask.evaluate.tasks.layout import main as layout
from smartmask.evaluate.tasks.masks import main as masks
from smartmask.evaluate.tasks.paper import main as paper
from smartmask.evaluate.tasks.plan import main as plan
from smartmask.evaluate.tasks.several import main as several
from smartmask.evaluate.tasks.sheet import main as sheet
from smartmask.evaluate.tasks.study import main as study

BENCHMARKS: tuple[Benchmark, ...] = (
    masks.BENCHMARK,
    scene.BENCHMARK,
    hidden.BENCHMARK,
    realism.BENCHMARK,
    judge.BENCHMARK,
    text.BENCHMARK,
    order.BENCHMARK,
    sense.BENCHMARK,
    placement_folds.BENCHMARK,
    sheet.BENCHMARK,
    sheet.SCORE,
    attributes.BENCHMARK,
    attributes.SCORE,
    gallery.BENCHMARK,
    diversity.BENCHMARK,
    plan.BENCHMARK,
    questions.BENCHMARK,
    layout.BENCHMARK,
    several.BENCHMARK,
    speed.BENCHMARK,
    service.BENCHMARK,
    machines.BENCHMARK,
    insertion.BENCHMARK,
    exactness.BENCHMARK,
    paper.BENCHMARK,
    study.BENCHMARK,
    study.SCORE,
    cost.BENCHMARK,
)
