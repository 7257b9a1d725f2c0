"""English words in normal form: tokens, plural to singular, and the small closed word lists.

Pure Python, no tables on disk: what the text encoder and the builder of its vocabulary share.
"""

from __future__ import annotations

import re
import unicodedata


def word_set(text: str) -> frozenset[str]:
    """The words of a text written with blanks between them."""
    return frozenset(text.split())


ARTICLES = word_set("a an the some this that these those my your his her our their its")

NUMBERS = word_set("one two three four five six seven eight nine ten several many some few both")

# Words that end the noun phrase before them: "dog | on a beach", "man | who runs".
BREAKS = word_set(
    """
    on in at with near by under over behind beside between above below from into onto through across against
    along around inside outside next to for off out up down that which who whose while as and or is are was were
    has have wearing holding like during without within toward towards upon atop underneath beneath amid among
    amongst alongside past via beyond plus but mid , ; : .
    """
)

# "a pair of scissors" is about scissors; "a cup of coffee" stays a cup.
MEASURES = word_set(
    """
    pair group herd flock bunch piece slice couple number pile stack row crowd set lot lots type kind part pack
    cluster bit heap collection variety team line swarm school assortment fleet head sort style portion plenty
    dozen hundreds dozens several many view picture image photo photograph drawing closeup shot
    silhouette
    """
)

# Where on a thing or in a picture: "car side", "bird left"; objects only where nothing else is named.
PLACES = word_set(
    """
    front rear back side left right top bottom middle edge corner end half inside outside foreground background
    frontal whole part view entrance distance surface centre center
    """
)

# Too common or too empty to carry a picture's meaning. The vocabulary is built with this list: a change
# moves the vectors of caption words, and weights trained on them no longer fit.
STOP_WORDS = (
    ARTICLES
    | (BREAKS - frozenset(["holding", "wearing", "mid", ",", ";", ":", "."]))
    | word_set(
        """
    of be been being it he she they him them i we you us me s t not no nor so than then there here very can
    could will would should may might do does doing did done had having one two three four five six seven eight
    nine ten many several few both each all any other another more most much such own same only just also too
    about after before again away back what where when how why if it's there's that's what's he's she's picture
    image photo photograph view shot something someone anything
    """
    )
)

_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "kids": "kid",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "oxen": "ox",
    "lice": "louse",
    "dice": "die",
    "wolves": "wolf",
    "calves": "calf",
    "halves": "half",
    "knives": "knife",
    "lives": "life",
    "wives": "wife",
    "leaves": "leaf",
    "loaves": "loaf",
    "shelves": "shelf",
    "scarves": "scarf",
    "hooves": "hoof",
    "thieves": "thief",
    "elves": "elf",
    "cacti": "cactus",
    "octopi": "octopus",
    "fungi": "fungus",
    "buses": "bus",
    "busses": "bus",
    "gases": "gas",
    "pies": "pie",
    "ties": "tie",
    "neckties": "necktie",
    "movies": "movie",
    "cookies": "cookie",
    "brownies": "brownie",
    "smoothies": "smoothie",
    "veggies": "veggie",
    "hoodies": "hoodie",
    "selfies": "selfie",
    "zombies": "zombie",
    "collies": "collie",
    "birdies": "birdie",
    "doggies": "doggie",
    "shoes": "shoe",
    "canoes": "canoe",
    "toes": "toe",
    "horseshoes": "horseshoe",
    "houses": "house",
    "horses": "horse",
    "vases": "vase",
    "axes": "axe",
    "caches": "cache",
    "headaches": "headache",
    "moustaches": "moustache",
    "mustaches": "mustache",
    "quiches": "quiche",
    "avalanches": "avalanche",
}
# Words with a final s that are not plurals, or that have no other form.
_INVARIANT = word_set(
    """
    scissors skis glasses sunglasses goggles trousers pants shorts jeans pliers tongs binoculars tennis bus gas
    grass glass chess mattress headphones species series news lens canvas atlas pajamas pyjamas overalls
    suspenders tights leggings spectacles shears clippers always perhaps across its his this is was has
    christmas texas asparagus hummus cactus octopus virus circus campus citrus walrus hippopotamus rhinoceros
    dress cross mess class boss princess waitress actress cypress business fitness harness goddess underpants
    knickers tweezers less plus yes us thus various gorgeous curious delicious famous enormous numerous
    religious grits swiss las los james
    """
)
_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[,;:.]")
_BRACKET = re.compile(r"\([^()]*\)|\([^()]*$")


def plain(text: str) -> str:
    """Lower-case ASCII: compatibility forms unfolded, accents dropped, other scripts left out."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(c if c.isascii() else "" if unicodedata.combining(c) else " " for c in folded).lower()


def tokens(text: str, punctuation: bool = False) -> list[str]:
    """Lower-case words of ``text``; hyphens, slashes and underscores part words, possessive ``'s`` goes.

    punctuation: keep ``, ; : .`` as tokens of their own (they end phrases).
    """
    words = []
    for token in _TOKEN.findall(plain(text)):
        word = token.removesuffix("'s").replace("'", "")
        if word and (punctuation or word not in ",;:."):
            words.append(word)
    return words


def without_brackets(text: str) -> str:
    """``bat_(animal)`` without its parenthesis; the text itself where nothing would be left."""
    return _BRACKET.sub(" ", text).strip(" _") or text


def singular(word: str) -> str:
    """The singular of one lower-case English word; singular words come back unchanged."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for end in ("men", "women", "people", "children"):
        if word.endswith(end) and len(word) > len(end) + 2:  # firemen, grandchildren
            return word[: -len(end)] + _IRREGULAR[end]
    if len(word) < 4 or word in _INVARIANT or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1]
