"""``smartmask eval cost``: hours, money and carbon of the papers' tables on stated cards, and how they follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, table
from smartmask.evaluate.tasks.cost.work import Training, amount, tables, trainings
from smartmask.io.sentences import short_repr
from smartmask.io.settings import option
from smartmask.train.cards import STATED
from smartmask.train.config import read_config
from smartmask.train.settings import VisionSettings

TERA, HOUR = 1e12, 3600
ABOUT = (
    "Hours = operations / (stated operations a second x utilisation) / 3600; money = hours x price; carbon = hours x "
    "watts / 1000 x overhead x intensity. Operations are counted; all else is assumed, and an option changes it. Hours "
    "are of one card; several share them at the same price. Cores that feed a card = samples a second that it takes / "
    "samples a second of a core."
)


class CostSettings(ReportSettings):
    """What is assumed: nothing of it was measured but the two rates of feeding."""

    cards: str = option(
        "H100=2.5/1275,A100=1.5/815,RTX 4090=.4/600",
        "NAME=PRICE/WATTS,...: money an hour, and watts of a card with its share of the machine.", metavar="CARDS",
    )  # fmt: skip
    currency: str = option("USD", "Of the prices.", max_length=10)
    utilisation: float = option(0.4, "Share of a card's stated operations that the model's own are.", gt=0, le=1)
    overhead: float = option(1.2, "Power of the whole building over that of its machines (PUE).", ge=1, le=10)
    carbon: float = option(400, "Grams of CO2 a kilowatt-hour.", ge=0, le=5000)
    objects: int = option(1000, "Objects (or layouts) of a table.", ge=1)
    num_masks: int = option(8, "Masks an object, where masks are judged.", ge=1)
    tokens: int = option(1024, "Of the planner's picture, question and answer.", ge=1, le=32768)
    rank: int = option(16, "Of SmartMask's LoRA matrices.", ge=1, le=512)
    feed_latent: float = option(66, "SmartMask's samples a second of one core ('smartmask data speed').", gt=0)
    feed_inpaint: float = option(175, "SmartBrush's.", gt=0)


@dataclass(frozen=True)
class Card:
    """peak: operations a second that its maker states, bfloat16. price: an hour. watts: with its share of a machine."""

    name: str
    peak: float
    price: float
    watts: float


@dataclass(frozen=True)
class Cost:
    """Of some work on one card. carbon: kilograms of CO2."""

    hours: float
    money: float
    carbon: float


def cards_of(text: str) -> list[Card]:
    """``NAME=PRICE/WATTS,...``; ValueError for another form, or a name that ``train/cards.py`` does not list."""
    found = []
    for part in text.split(","):
        name, _, numbers = (piece.strip() for piece in part.partition("="))
        peak = STATED.get(name)
        if peak is None:
            raise ValueError(f"The card {short_repr(name)} is not known; use {', '.join(STATED)}.")
        try:
            price, watts = (float(number) for number in numbers.split("/"))
        except ValueError:
            raise ValueError(f"The card {short_repr(part)} is not NAME=PRICE/WATTS, such as H100=2.5/1275.") from None
        if not (0 <= price < 1e6 and 0 < watts < 1e6):
            raise ValueError(f"The card {short_repr(part)} has a price below 0 or watts that are none; mend them.")
        found.append(Card(name, peak, price, watts))
    return found


def cost(work: float, card: Card, settings: CostSettings) -> Cost:
    """What so many operations cost on a card."""
    hours = work / (card.peak * settings.utilisation) / HOUR
    kilowatt_hours = hours * card.watts / 1000 * settings.overhead
    return Cost(hours, hours * card.price, kilowatt_hours * settings.carbon / 1000)


def cores(training: Training, counted: dict[str, float], card: Card, settings: CostSettings) -> float | None:
    """Cores that make the samples one card takes; None where their rate is not measured."""
    if not training.feed:
        return None
    rate = settings.feed_latent if training.feed == "latent" else settings.feed_inpaint
    return card.peak * settings.utilisation / amount(training.passes, counted) / rate


def computed(settings: CostSettings, counted: dict[str, float]) -> dict[str, Any]:
    """The whole report of counted operations: each training, each table without and with its trainings."""
    cards, runs = cards_of(settings.cards), trainings()
    trained = {name: _training(run, counted, cards, settings) for name, run in runs.items()}
    asked = {}
    for one in tables(settings.num_masks):
        pictures = settings.objects * amount(one.passes, counted)
        whole = pictures + sum(times * runs[name].work(counted) for name, times in one.trainings.items())
        asked[one.name] = {
            "tflop_an_object": amount(one.passes, counted) / TERA, "trainings": one.trainings,
            "asking": {c.name: asdict(cost(pictures, c, settings)) for c in cards},
            "with_trainings": {c.name: asdict(cost(whole, c, settings)) for c in cards},
        }  # fmt: skip
    assumed = settings.model_dump(mode="json", exclude={"out", "as_json"})
    return {
        **heading("cost"), "assumed": assumed, "cards": {c.name: asdict(c) for c in cards},
        "counted": counted, "trainings": trained, "tables": asked,
    }  # fmt: skip


def _training(run: Training, counted: dict[str, float], cards: list[Card], settings: CostSettings) -> dict[str, Any]:
    work = run.work(counted)
    on = {c.name: {**asdict(cost(work, c, settings)), "cores": cores(run, counted, c, settings)} for c in cards}
    sample = amount(run.passes, counted) / TERA
    return {"samples": run.samples, "tflop_a_sample": sample, "operations": work, "cards": on}


def lines_of(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    names, currency = list(report["cards"]), report["assumed"]["currency"]
    heads = [f"{name}: hours, {currency}, kg CO2" for name in names]
    trained = [
        [name, f"{row['samples']:,}", f"{row['tflop_a_sample']:.2f}", f"{row['operations']:.2g}",
         *(_told(row["cards"][card]) for card in names), _cores(row, names)]
        for name, row in report["trainings"].items()
    ]  # fmt: skip
    asked = [
        [name, f"{row['tflop_an_object']:.0f}", *(_told(row["asking"][card]) for card in names),
         ", ".join(f"{run} x {times}" for run, times in row["trainings"].items()),
         *(_told(row["with_trainings"][card]) for card in names)]
        for name, row in report["tables"].items()
    ]  # fmt: skip
    cards = [
        [c["name"], f"{c['peak'] / TERA:.0f}", f"{c['price']:g} {currency}", f"{c['watts']:g}"]
        for c in report["cards"].values()
    ]
    assumed = {name: value for name, value in report["assumed"].items() if name not in ("cards", "currency")}
    return [
        "# What the papers' tables cost", "", ABOUT, "", "## Counted: TFLOP of one pass", "",
        *table(["pass", "TFLOP"], [[name, f"{work / TERA:.3f}"] for name, work in report["counted"].items()]), "",
        "## Assumed", "", *table(["card", "stated TFLOP/s", "an hour", "watts"], cards), "",
        *table(["what", "value"], [[f"`--{name.replace('_', '-')}`", value] for name, value in assumed.items()]), "",
        "## Trainings", "", *table(["training", "samples", "TFLOP a sample", "operations", *heads,
                                    "cores that feed a card: " + ", ".join(names)], trained), "",
        "## Tables", "", *table(["table", "TFLOP an object", *heads, "trained for it", *heads], asked),
    ]  # fmt: skip


def _told(row: dict[str, float]) -> str:
    return ", ".join(
        f"{row[name]:,.0f}" if row[name] >= 10 else f"{row[name]:.2g}" for name in ("hours", "money", "carbon")
    )


def _cores(row: dict[str, Any], names: list[str]) -> str:
    found = [row["cards"][name]["cores"] for name in names]
    return ", ".join("-" if value is None else f"{value:.2g}" for value in found)


def run(settings: CostSettings) -> None:
    """What training and asking at full size costs, for each table of both papers: hours, money, carbon.

    Operations are counted on networks of full size without their weights, in about a minute; nothing is trained.
    """
    from smartmask.evaluate.tasks.cost.counted import operations

    cards_of(settings.cards)  # what is wrong with them, before the minute
    planner = int(read_config("planner_lora", VisionSettings)["rank"])
    report = computed(settings, operations(settings.tokens, planner, settings.rank))
    finish("cost", report, lines_of(report), settings)


BENCHMARK = Benchmark("cost", CostSettings, run)
