"""What the text encoder cannot know about labels. Values are names of the vocabulary; None is no object."""

from __future__ import annotations

# One name for what two data sets behind the vocabulary call differently: COCO's words win.
CANONICAL: dict[str, str] = {
    "boots": "boot",
    "cellular telephone": "cell phone",
    "computer keyboard": "keyboard",
    "cookies": "cookie",
    "doughnut": "donut",
    "earphone": "headset",
    "fire engine": "fire truck",
    "fireplug": "fire hydrant",
    "flying disc": "frisbee",
    "gloves": "glove",
    "hair dryer": "hair drier",
    "laptop computer": "laptop",
    "monitor tv": "tv",
    "microwave oven": "microwave",
    "motor scooter": "scooter",
    "necktie": "tie",
    "remote control": "remote",
    "screen": "tv",
    "ski": "skis",
    "television set": "tv",
    "wineglass": "wine glass",
}

# (set, label) -> phrase of the vocabulary; set "" is any set.
NAMES: dict[tuple[str, str], str | None] = {}


def _add(set_name: str, lines: str) -> None:
    """Lines ``name: label, label``; the name ``-`` is None."""
    for line in lines.strip().splitlines():
        name, labels = line.split(":")
        for label in labels.split(","):
            NAMES[set_name, label.strip()] = None if name.strip() == "-" else name.strip()


_add(
    "",
    """
    cat: abyssinian, bengal, birman, bombay, british shorthair, egyptian mau, maine coon, persian, ragdoll, \
russian blue, siamese, sphynx
    dog: american bulldog, american pit bull terrier, basset hound, beagle, boxer, chihuahua, \
english cocker spaniel, english setter, german shorthaired, great pyrenees, havanese, japanese chin, keeshond, \
leonberger, miniature pinscher, newfoundland, pomeranian, pug, saint bernard, samoyed, scottish terrier, shiba inu, \
staffordshire bull terrier, wheaten terrier, yorkshire terrier
    pepper: chilly
    guitar: oud
    building: facade
    balcony: balcony-fence
    couch: sofa
    mug: coffee mug
    flowerpot: plant pot
    rat: rodent
    frying pan: skillet
    cup: paper cup, disposable plastic cup, foam cup, other plastic cup, espresso cup
    aerosol can: aerosol
    bag: paper bag, garbage bag, polypropylene bag
    plastic bag: single-use carrier bag
    box: corrugated carton, pizza box, cat litter box
    carton: drink carton, egg carton, meal carton, other carton
    glove: plastic glooves
    donut: dougnut
    -: broken glass, styrofoam piece, pop tab, normal paper, plastic film, unlabeled litter, other plastic, \
other plastic wrapper, other plastic container, aluminium foil, plastic utensils, scrap metal, rope & strings, \
tissues, magazine paper, wrapping paper, food waste, metal lid, plastic lid, spread tub, toilet tube, \
squeezable tube, six pack rings, aluminium blister pack, carded blister pack, tupperware, foam food container, \
disposable food container, silverwear, stuff, road, street, obstacle, vehicle, vegetation, \
traffic-infrastructure, non-building-infrastructure, shop, mask, paper
    """,
)
_add(
    "kenney",
    """
    catapult: siege ballista, siege catapult, siege trebuchet
    stairs: stairs stone, stairs stone slant, stairs, stairs long
    bench: bench cushion, bench cushion low
    bookcase: bookcase closed, bookcase closed doors, bookcase closed wide, bookcase open, bookcase open low
    nightstand: cabinet bed, cabinet bed drawer, cabinet bed drawer table
    cabinet: cabinet television, cabinet television doors
    chair: chair cushion, chair rounded
    lamp: lamp round floor, lamp square floor
    armchair: lounge chair, lounge chair relax
    side table: side table drawers
    stool: stool bar square
    table: table cloth, table cross, table cross cloth, table glass, table round
    coffee table: table coffee, table coffee glass, table coffee glass square, table coffee square
    fence: fence iron, fence stone, metal fence, fence low
    gravestone: gravestone roof, gravestone bevel
    coin: coin bronze, coin gold, coin silver
    rug: rug rectangle, rug rounded, rug square, rug round
    tent: tent long
    tree: tree snow, tree large, tree small
    flag: flag checkers, flag checkers small, flag tankco
    rock: rocks ore, rocks small, rocks tall, rocks tall ore, meteor full, meteor full round, meteor half
    spacecraft: space craft1, space craft2, space craft3, space craft4, space craft5, space craft6
    dish antenna: satellite dish large
    bush: hedge
    -: alien, alien bones, astronaut, king, knight blue, knight red, washer, dryer, washer dryer stacked, \
kitchen cabinet, kitchen cabinet drawer, kitchen cabinet drawer 1, bathroom cabinet, kitchen fridge, \
kitchen fridge built in, kitchen fridge small, kitchen stove, kitchen stove electric, kitchen sink, bathroom sink, \
robot, radio, bathroom mirror, computer keyboard, lantern candle, lantern glass, pylon, cardboard box closed, \
cardboard box open, kitchen blender, books, barrel, barrel large, kitchen coffee machine, crate, speaker, \
speaker small, trunk, pillow, pillow long, kitchen microwave, toilet, bear, computer screen, television antenna, \
television modern, television vintage, trashcan, plant small1, plant small2, plant small3, lamp round table, \
lamp square table, lamp square ceiling, siege tower, fence curved, fence straight, barrier red, barrier white, \
item weapon, shower, shield blue, shield red, metal gate, flag banner long, flag banner short, tent closed long, \
tent closed, kitchen cabinet upper, kitchen cabinet upper low, console corner, overhead lights, overhead round, \
overhead round colored, console screen, siege ram, tower balcony, \
tower base, debris, crypt, grave, gravestone debris, gravestone flat, \
gravestone flat open, shovel dirt, button, lever, saw, cube, heart, coffin, fence corner, hedge corner, \
fence broken, fence low broken, fence low corner, ladder broken, wall pillar, alien bones, console, crater, \
laser sabel, metal fence corner, metal fence double, portal, space craft stand, station, station large, frame high, \
radar equipment, overhead, rail, ramp, grass, light colored, light red, light red double, kitchen bar, \
kitchen bar end, desk corner, lounge sofa corner, bridge half, bridge ramp, doorway, doorway front, doorway open, \
kitchen cabinet corner inner, kitchen cabinet corner round, floor corner, floor full, grand stand, \
grand stand covered, pits garage, pits garage corner, pits office, pits office corner, billboard lower, \
barrier wall, satellite dish antenna, fence iron border pillar, fence iron border, border pillar, pillar square
    """,
)
_add(
    "quaternius",
    """
    dresser: drawer
    cabinet: kitchen drawers
    potted plant: houseplant
    trash can: trashcan, trashcan cylindric, trashcan green
    bush: bush berries
    cactus: cactus flower, cactus flowers
    rock: rock moss
    tree stump: tree stump moss
    log: wood log moss
    dog: husky, shiba inu
    deer: stag
    traffic sign: sign no parking, sign triangle
    stop sign: sign stop
    fish: anglerfish, armored catfish, betta, black lion fish, blobfish, blue goldfish, blue tang, butterfly fish, \
cardinal fish, clownfish, coral grouper, cowfish, flatfish, flower horn, humphead, koi, lionfish, mandarin fish, \
moorish idol, parrot fish, piranha, puffer, red snapper, royal gramma, sunfish, swordfish, tang, tuna, turbot, \
yellow tang, zebra clown fish
    sailboat: boat wsail
    boat: lifeboat, viking boat
    flask: potion empty, potion filled
    coin: coin skull, coin star
    gemstone: crystal
    trunk: chest
    clock tower: bell tower
    building: blacksmith, sawmill, inn
    pot: cauldron
    windmill: mill
    dinosaur: apatosaurus, parasaurolophus, stegosaurus, trex, triceratops, velociraptor
    spacecraft: bob, challenger, dispatcher, executioner, imperial, insurgent, pancake, spitfire, striker, zenith
    army tank: tank
    sword: claymore
    bow weapon: bow, bow evil
    shield: shield celtic, shield heater
    -: cube, icosahedron, ceiling, ceiling single, floor, toilet paper pile, lilypad, bear trap, gas can, \
propane tank, torch, wooden torch, dart, fish bone, bone, skull, snowflake, market stand, path square, smoke, \
scythe, wheat, worm, raft, story balcony mat, story center mat, story doors mat, story mat, story sidehouse mat, \
story sign mat, story slim mat, story stack mat
    """,
)
_add("small_pets", "dog: boxer")
_add("small_bottles", "bottle: bottle")
_add(
    "mpeg7",
    """
    person: child
    -: bone, face, brick, sea snake, fountain, horseshoe, glass
    fish: flatfish
    """,
)
_add(
    "noto",
    """
    cell phone: mobile phone
    rat: mouse
    cake: birthday cake, shortcake
    frisbee: flying disc
    hockey stick: field hockey stick and ball, ice hockey stick and puck
    tennis racket: tennis racquet and ball, badminton racquet and shuttlecock
    skateboard: skateboard
    toilet: toilet
    donut: doughnut
    train: steam locomotive
    bus: oncoming bus, trolleybus
    car: automobile, oncoming automobile
    truck: delivery truck
    trailer truck: articulated lorry
    house: house building, derelict house building
    bird: dodo
    castle: european castle, japanese castle
    sports ball: soccer ball, basketball, volleyball, baseball, softball
    handbag: purse
    backpack: school satchel
    vase: amphora
    pizza: slice of pizza
    person: pedestrian
    umbrella: umbrella, closed umbrella
    -: adult, baby, man, woman, older adult, older man, older woman, child, pregnant man, pregnant woman, necktie, \
mobile phone off, ski and ski boot, fishing pole and fish, water closet, couch and lamp, railway car, metro, \
light rail, elf, father christmas, japanese goblin, police officer, vampire, construction worker, zombie, ninja, \
rowboat, horizontal traffic light, green book, orange book, blue book, superhero, troll, \
left-pointing magnifying glass, right-pointing magnifying glass, fuel pump, worm, mother christmas, \
automated teller machine, fax machine, slot machine, recreational vehicle, martial arts uniform, tropical drink, \
spiral calendar pad, bath, skull, chestnut, popcorn, peanuts, coffin, stethoscope, trackball, boomerang, magic wand, \
hook, falafel, horseshoe, barber pole, yo-yo, nail polish, film projector, prince, princess, statue of liberty, \
abacus, airplane arriving, airplane departure, admission tickets, bar of soap, barber pole, bank, \
baggage claim, bar chart, ball of yarn, basketball and hoop, biting lip, black club suit, black nib, \
black spade suit, bowling, brick, bridge at night, building construction, bus stop, camping, canned food, cancer, \
capricorn, aquarius, aries, taurus, gemini, leo, libra, virgo, pisces, sagittarius, scorpius, ophiuchus, \
children crossing, christmas tree lights, cinema, circus tent ticket, cityscape, cityscape at dusk, \
clinking beer mugs, clinking glasses, comet, compression, confetti ball, control knobs, convenience store, \
cooking, cricket, cricket bat and ball, crossed swords, curling stone, curly loop, currency exchange, customs, \
cut of meat, cyclone, department store, desert, desert island, direct hit, dna double helix, double curly loop, \
double vertical bar, drop of blood, dvd, earth globe americas, earth globe asia-australia, \
earth globe europe-africa, eight spoked asterisk, elevator, empty nest, european post office, face, fencer, \
film frames, first place medal, fleur-de-lis, flexed biceps, fog, foggy, fork and knife, four leaf clover, \
glass of milk, green salad, hammer and pick, hammer and wrench, hamsa, heavy multiplication x, herb, \
horizontal traffic light lamp, horse racing, hospital, hotel, hot beverage, house buildings, ice cube, \
index pointing at the viewer, information source, inbox tray, outbox tray, japanese post office, \
jigsaw puzzle piece, kaaba, knot, label, lacrosse stick and ball, latin cross, left luggage, left-facing fist, \
level slider, love hotel, low battery, milky way, mirror ball, motorway, mount fuji, mountain, mountain cableway, \
mountain railway, name badge, national park, nut and bolt, office building, palms up together, passport control, \
paw prints, performing arts, pine decoration, place of worship, police cars revolving light, pouch, people hugging, \
postal horn, railway track, raised fist, reminder ribbon, restroom, ribbon, rice ball, right-facing fist, \
rolled-up newspaper, roll of paper, roller coaster, rolling on the floor laughing, rosette, sake bottle and cup, \
scales, school, second place medal, third place medal, seat, shallow pan of food, shaved ice, shower, shrug, \
sleeping accommodation, sparkle, spider web, stadium, staff of aesculapius, station, stuffed flatbread, \
suspension railway, swimmer, table tennis paddle and ball, tokyo tower, trident emblem, umbrella on ground, \
video game, water polo, wedding, white up pointing index, womans clothes, wood, world map, x-ray, yin yang, \
breast-feeding, juggling, selfie, wrestlers, weight lifter, surfer, skier, bicyclist, mountain bicyclist, golfer, \
steaming bowl, kiss mark, tanabata tree, japanese dolls, pot of food, tram car, video camera, womans hat, map, \
canned food, curry and rice, name, package, page facing up, open file folder, mate drink, prayer beads, \
probing cane, public address loudspeaker, rice cracker, memo, money bag, see-no-evil monkey, speak-no-evil monkey, \
spouting whale, hatching chick, front-facing baby chick, baby angel, black telephone, postbox, wheel, olive, taco, \
test tube, petri dish, thermometer, ticket, bug, palm tree leaf, party popper, pill, dove of peace, knit, \
volcano, window, factory, door, mirror, fried shrimp, cloud, star, heart, kimono, scroll, present, lotus
    """,
)

# Labels that are no objects, in any set, although the vocabulary has their words.
NO_OBJECT: frozenset[str] = frozenset({"road", "street", "stuff", "obstacle", "vehicle", "vegetation", "paper", "mask"})

# Words that make a label of a set a part, a tile or a piece of ground.
NO_OBJECT_WORDS: dict[str, frozenset[str]] = {
    "kenney": frozenset(
        {"wall", "tile", "tiles", "block", "road", "corridor", "structure", "pipe", "ground", "square", "top"}
        | {"spikes", "start", "building"}
    ),
    "taco": frozenset({"piece"}),
}
