"""Hand-written tables for names that no list of CLIP vectors has, or has in another sense.

Stuff, street scenes, Pascal VOC's spelling, people by what they do. Changing a line changes what
trained weights see: rebuild and retrain together.
"""

from __future__ import annotations

from smartmask.text.words import word_set

_SAME = """
airplane: aeroplane, plane, aircraft
motorcycle: motorbike
bicycle: bike
couch: sofa, settee
tv: tvmonitor, television, telly
fire hydrant: hydrant
potted plant: pottedplant, houseplant
dining table: diningtable
cell phone: cellphone, mobile, phone, smartphone, iphone
refrigerator: fridge
laptop: notebook computer
mouse: computer mouse
person: human
person: man, woman, guy, lady, gentleman, boy, girl, child, kid
person: adult, baby, infant, pedestrian, dude, male, female, people
shirt: tshirt, t shirt, tee shirt, tee
puppy: pup, doggy, doggie
dog: canine, hound
cat: feline, kitty cat
bus: coach
stop sign: stopsign
hot dog: hotdog
ball: sports ball toy
skis: ski pair
object: thing, item, something, anything, unknown, unlabeled, unlabelled
door: door stuff, doorway, gate door
mirror: mirror stuff
stairs: stair, staircase, stairway, steps
sea: seawater
sky: heaven
road: drivable, drivable area, drivable surface, roadway
pavement: non drivable, sidewalk area, footpath, nondrivable
living thing: living things
vehicle: vehicles
roadside object: roadside objects
far object: far objects
bicyclist: cyclist
surfer: surfboarder
toddler: toddlers
wall: walls
tree: trees
"""

# "a = b + c/2": the vectors of b and half of c, scaled to the usual length.
_MIXED = """
floor wood = floor + wood/2
wall brick = wall + brick/2
wall stone = wall + stone/2
wall tile = wall + tile/2
wall wood = wall + wood/2
window blind = window + curtain/2
playingfield = field + court/2 + baseball/4
stairs = stair
pavement = pavement + sidewalk
sign = street sign + traffic sign
bicyclist = person + bicycle
living thing = person + animal
vehicle = car + truck + bus/2 + motorcycle/2
roadside object = pole + fence + street sign/2
far object = building + tree
tree trunk = tree + log
surfer = person + surfer/2
skier = person + skier/2
snowboarder = person + snowboarder/2
skateboarder = person + skateboarder/2
biker = person + motorcycle
motorcyclist = person + motorcycle
rider = person + rider/2
horseman = person + horse
player = person + player/2
batter = person + baseball bat/2
catcher = person + catcher/2
umpire = person + umpire/2
runner = person + running/2
swimmer = person + swimming/2
toddler = person + toddler/2
mother = person + mother/2
father = person + father/2
bride = person + bride/2
groom = person + groom/2
chef = person + chef/2
worker = person + worker/2
officer = person + officer/2
policeman = person + officer/2
soldier = person + soldier/2
"""

# LVIS synonyms and parts of Objects365 names whose everyday sense is another one.
MISLEADING = word_set(
    """
    cutting paper spread plaid range spray aerial drying machine computer modem measure frame chap die gag
    flasher lounge record roll post collar
    """
)

# Names of regions that training data carries; words of captions, but as sure a name as any category.
STUFF = tuple(
    str.split(
        """sky grass road wall building tree mountain water sand snow river sea ocean lake field floor ceiling pavement
    sidewalk street fence bridge house roof rock dirt gravel railroad track platform door window light net counter
    cardboard fruit food paper rug cloud hill beach forest bush plant ground wood stone brick tile concrete railing
    clothing animal shelf pool path runway court"""
    )
)


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.strip()]


def mixture(text: str) -> dict[str, float]:
    """``b + c/2`` as ``{b: 1, c: .5}``."""
    parts = [part.strip().partition("/") for part in text.split("+")]
    return {word: 1 / float(share or 1) for word, _, share in parts}


# other spelling -> the name it is read as
SAME: dict[str, str] = {
    other.strip(): name
    for name, _, others in (line.partition(": ") for line in _lines(_SAME))
    for other in others.split(",")
}
# name -> {word: weight}
MIXTURES: dict[str, dict[str, float]] = {
    name: mixture(text) for name, _, text in (line.partition(" = ") for line in _lines(_MIXED))
}
