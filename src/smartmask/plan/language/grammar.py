"""The small closed word lists by which phrases about scenes are read, and the settings that scenes play in."""

from __future__ import annotations

from smartmask.text.counting import DIGITS
from smartmask.text.words import word_set

# Relations: A r B. The longest run of words wins.
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "on": ("on", "on top of", "atop", "upon", "onto", "on the top of", "riding", "riding on"),
    "behind": ("behind", "in back of", "hidden by"),
    "in front of": ("in front of", "before"),
    "beside": (
        "beside", "next to", "alongside", "near", "near to", "close to", "by", "along", "along with", "together with",
        "around", "against", "holding", "carrying", "accompanied by", "walking with", "at", "on the side of",
    ),
    "under": ("under", "below", "beneath", "underneath", "at the foot of"),
    "above": ("above", "over"),
    "left of": ("left of", "to the left of", "on the left of", "on the left side of", "at the left of", "at left of"),
    "right of": (
        "right of", "to the right of", "on the right of", "on the right side of", "at the right of", "at right of",
    ),
    "in": ("in", "inside", "inside of", "within", "into"),
}  # fmt: skip
RELATIONS: tuple[str, ...] = tuple(RELATION_WORDS)

COUNTS: dict[str, int] = DIGITS | {"a": 1, "an": 1, "single": 1, "both": 2, "dozen": 12, "another": 1, "no": 0}
VAGUE: dict[str, int] = {"some": 3, "few": 3, "several": 3, "many": 5, "various": 3, "multiple": 3, "numerous": 5}
GROUPS: dict[str, int] = {
    "pair": 2, "couple": 2, "group": 3, "herd": 4, "flock": 4, "bunch": 3, "row": 3, "crowd": 5, "pile": 3,
    "stack": 3, "set": 3, "number": 3, "family": 3, "lot": 4, "team": 5,
}  # fmt: skip
PEOPLE = word_set("family couple crowd group team")  # groups that are of people where nothing else is said
PLURAL = 2  # what a plural without a number stands for
MOST = 40  # objects in one phrase
DEFINITE = word_set("the this that these those his her its their")
COLOURS = word_set(
    """
    red green blue yellow orange purple pink brown black white grey gray golden gold silver beige turquoise violet
    dark light colorful colourful teal maroon tan
    """
)
VERBS = word_set(
    """
    is are was were sits sit stands stand lies lie lays lay sleeps sleep rests rest waits wait walks walk runs run
    sitting standing lying laying walking running sleeping resting waiting grazing jumping playing parked seated
    playing flying floating swimming smiling eating looking placed hanging there it perched leaning posing driving
    laid seen located crossing moving being drinking watching that which who parks parked leaning perched resting
    together curled sleeping lounging set shown
    """
)
DOING = word_set(  # to what stands next to one: "a man walking a dog"
    "walking walks feeding feeds petting pets pushing pushes pulling pulls leading leads chasing chases herding herds"
)
ALIVE = word_set(
    "person man woman boy girl child kid baby lady guy people couple cat dog puppy kitten bird horse sheep cow goat "
    "elephant zebra giraffe bear lion tiger pig duck rabbit chicken"
)
PRONOUNS = word_set("it them him each")
PORTIONS = word_set("slice piece part portion kind type sort lot bit image picture")
NOTHING = word_set(  # read as nouns by the vocabulary, but no object that has a mask
    """
    left right top bottom side front back other image number sun sunlight rain shade background foreground day night
    air middle time way area scene ground-level line food shadow weather morning evening sunset sunrise summer winter
    """
)
JOINING = word_set("and , ; plus & to from for toward towards through across past while")  # parts two objects
LISTING = word_set("and , ; plus with containing featuring including showing of")  # what may stand between two objects
FRAMES = (  # of a picture, not in it
    "a close up of", "close up of", "a close up image of", "close up image of",
    "a close up photo of", "close ups of", "a closeup of", "photo of", "image of",
    "picture of", "photograph of",
    "black and white photo of", "black and white photograph of", "a black and white photo of",
    "a photo of", "an image of", "a picture of", "a photograph of", "a painting of", "a view of", "in the image",
    "in the photo", "in the picture", "in the background", "in the foreground", "a layout of", "a scene of",
    "a scene with", "there is", "there are", "an image with", "a photo with", "a picture with",
)  # fmt: skip

# A setting: what its picture is made of, besides the objects. Not learnt: said here, so that it can be corrected.
_INDOOR = "wall floor"
SETTINGS: dict[str, str] = {
    "living room": "wall floor window", "bedroom": "wall floor window", "kitchen": "wall floor cabinet",
    "bathroom": "wall-tile floor", "dining room": "wall floor window", "room": "wall floor",
    
    "office": "wall floor window",
    "classroom": "wall floor window", "restaurant": "wall floor window", "cafe": "wall floor window",
    "hallway": "wall floor ceiling", "library": "wall floor shelf", "shop": "wall floor ceiling",
    "store": "wall floor ceiling", "supermarket": "wall floor ceiling", "garage": "wall floor",
    "museum": "wall floor ceiling", "gym": "wall floor ceiling", "studio": "wall floor", "house interior": _INDOOR,
    "airport": "sky pavement building", "runway": "sky pavement grass", "street": "sky building road pavement",
    "city": "sky building road pavement", "town": "sky building road pavement", "road": "sky tree road grass",
    "highway": "sky tree road", "intersection": "sky building road", "parking lot": "sky tree pavement",
    "square": "sky building pavement", "sidewalk": "sky building pavement road", "market": "sky building pavement",
    "train station": "sky platform railroad building", "station": "sky platform railroad building",
    "beach": "sky sea sand", "coast": "sky sea rock", "shore": "sky sea sand", "ocean": "sky sea", "sea": "sky sea",
    "harbor": "sky sea building", "harbour": "sky sea building", "lake": "sky tree water", "river": "sky tree river",
    "park": "sky tree grass", "garden": "sky tree grass", "yard": "sky tree grass fence",
    
    "backyard": "tree grass fence",
    "field": "sky tree grass", "meadow": "sky tree grass", "pasture": "sky tree grass", "lawn": "sky tree grass",
    "hill": "sky mountain grass", "farm": "sky tree grass fence", "countryside": "sky tree grass",
    "forest": "tree grass", "woods": "tree grass", "jungle": "tree grass", "savanna": "sky tree grass",
    "desert": "sky sand mountain", "mountain": "sky mountain grass", "mountains": "sky mountain grass",
    "ski slope": "sky mountain snow", "slope": "sky mountain snow", "snow": "sky tree snow", "sky": "sky",
    "zoo": "tree fence dirt", "stadium": "building playingfield", "court": "wall playingfield",
    "playground": "sky tree grass", "grass": "sky tree grass", "sand": "sky sea sand",
    
    "tennis court": "wall playingfield",
    "railroad": "sky tree railroad", "platform": "sky platform railroad building", "tree": "sky tree grass",
    
    "building": "sky building pavement", "wall": "wall floor", "floor": "wall floor",
    "water": "sky water", "pavement": "sky building pavement",
}  # fmt: skip

# Regions that the stuff field draws; every other name, whatever COCO calls it, is drawn as an object.
SURFACES = word_set(
    """
    sky wall wall-tile wall-brick wall-wood wall-stone floor floor-wood ceiling grass road pavement sand sea water
    river lake ocean mountain mountains track railway tree trees building buildings dirt snow gravel fence field hill
    platform railroad bridge rock rocks bush cabinet shelf window house playingfield ground sidewalk
    beach street meadow lawn clouds cloud hills woods forest path footpath trail driveway alley pond barn church
    skyscraper
    """
)
# The word people write, and the name that the field knows.
SURFACE_NAMES: dict[str, str] = {
    "ocean": "sea", "lake": "water", "trees": "tree", "woods": "tree", "forest": "tree", "buildings": "building",
    "ground": "dirt", "sidewalk": "pavement", "beach": "sand", "street": "road", "meadow": "grass", "lawn": "grass",
    "field": "grass", "cloud": "sky", "clouds": "sky", "mountains": "mountain", "hill": "mountain", "hills": "mountain",
    "rocks": "rock", "bush": "tree", "track": "railroad", "railway": "railroad",
    "path": "pavement", "footpath": "pavement", "trail": "dirt", "driveway": "pavement", "alley": "pavement",
    "pond": "water", "barn": "building", "church": "building", "skyscraper": "building",  # no outline is remembered
}  # fmt: skip

# Other words for what the weights know under a shorter name.
ALIASES: dict[str, str] = {
    "microwave oven": "microwave", "laptop computer": "laptop", "remote control": "remote", "computer mouse": "mouse",
    "computer keyboard": "keyboard", "television set": "tv", "television": "tv", "tv set": "tv",
    "aeroplane": "airplane",
    "farmer": "person", "tourist": "person",  # else the vocabulary lends them the outlines of other things
}  # fmt: skip

# What carries others: an earlier row stands before a later one in a list without relations.
SUPPORTS = (
    word_set("rug carpet mat blanket stage"),
    word_set(
        "bed couch sofa table desk counter cabinet shelf bench dresser refrigerator oven sink bathtub piano boat "
        "nightstand"
    ),
    word_set("car bus truck train airplane chair horse elephant bicycle motorcycle tv"),
)
# Where a thing stands when nothing is said: on a support of this scene, if it has one.
SMALL = word_set(
    """
    cup bottle bowl vase plate fork knife spoon laptop keyboard mouse book lamp clock phone glass wine_glass pizza
    sandwich cake donut apple orange banana remote toaster microwave teddy_bear carrot broccoli computer monitor
    telephone cell_phone kettle pot pan candle egg cheese hot_dog scissors toothbrush hair_drier coffee_maker blender
    """
)
SOFT = word_set("laptop book remote phone cell_phone telephone teddy_bear")  # lies on seats and beds too
STANDS = word_set("table desk counter cabinet dresser oven stove nightstand sideboard piano")  # what carries them
# Of a room of a setting: what is drawn under small things that nothing else carries
FURNITURE = {"office": "desk", "classroom": "desk", "library": "desk", "studio": "desk", "living room": "coffee table"}
TABLE = "table"  # of every other
ON_POLES = word_set("stop_sign traffic_light traffic_sign street_sign road_sign parking_sign")
POLE = "pole"
AIRBORNE = word_set("airplane kite bird balloon helicopter cloud plane jet frisbee")
HANGING = word_set("clock picture painting mirror lamp tv curtain")
OUTDOOR = word_set(
    """
    car bus truck train airplane boat horse sheep cow elephant bear zebra giraffe kite skis snowboard surfboard
    bicycle motorcycle bench traffic_light fire_hydrant stop_sign parking_meter tree bird frisbee
    """
)
