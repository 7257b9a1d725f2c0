"""What a question to a planner may say of its picture: nothing, of what is drawn alone, or all of a caption.

A caption of the whole picture names what is still to come. A planner that learns from such questions learns to copy,
and one that is measured with them is measured at reading; so each question says which of the three it has.
"""

from __future__ import annotations

from collections.abc import Sequence

from smartmask.plan.language import grammar
from smartmask.plan.language.wording import NounPhrase, phrase_parts
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder

TEXTS = ("none", "drawn", "whole")
# none: no word of the picture. drawn: what a caption says of objects that are drawn. whole: the caption as it is, half
# the time with the names of what is missing, as 'layout' asks.


def caption_of_drawn(caption: str, drawn: Sequence[str], encoder: TextEncoder) -> str:
    """What a caption says of the objects that are drawn, as a list: "red bicycle, grass"; empty if it says nothing.

    drawn: names of what is there. Numbers are left out ("two dogs" says that there is another one), and so is all that
    is said between objects: who rides sits on something. Adjectives stay where they are no nouns themselves. Whether
    more of a name is to come makes no difference: leaving the name out then would say so.
    """
    there = {encoder.understand(clean_name(name)).name for name in drawn}
    try:
        parts = phrase_parts(caption, encoder)
    except ValueError:  # the grammar refuses some, such as those with hundreds of things
        return ""
    found = []
    for part in parts:
        name = encoder.understand(part.name).name if isinstance(part, NounPhrase) else ""
        if isinstance(part, NounPhrase) and name in there:
            said = [word for word in part.attributes if word in grammar.COLOURS]
            found.append(" ".join((*said, name)))
    return ", ".join(dict.fromkeys(found))
