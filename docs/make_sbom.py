"""The software bill of materials: ``docs/sbom.json`` (CycloneDX 1.5) and the tables of ``docs/licences.md``.

    make sbom        # or, with requirements-dev.txt installed:  python docs/make_sbom.py [--check]

Read are the locks, pyproject.toml and what the installed packages say of themselves: licence, what they need, and the
shared libraries that their wheels bring along. Nothing is fetched, and no date or random number is written, so the same
locks give the same files. --check writes nothing, and exits with 1 if a file would change.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SBOM, PAGE = ROOT / "docs" / "sbom.json", ROOT / "docs" / "licences.md"
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt")
DEVELOPMENT = ("test", "fuzz")  # extras that no user installs
SCOPES = {"runtime": "required", "extras": "optional", "development": "excluded"}  # ours: CycloneDX's

# What packages say of themselves without SPDX, in SPDX; None and two-fold texts ("BSD") were read in their files.
SAID = {
    "Apache": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0", "MIT License": "MIT", "ISC License": "ISC", "FreeBSD": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}  # fmt: skip
READ = {
    "jinja2": "BSD-3-Clause", "mpmath": "BSD-3-Clause", "sympy": "BSD-3-Clause", "scipy": "BSD-3-Clause",
    "atheris": "Apache-2.0",  # has no wheel for every machine, so it may not be installed where this runs
}  # fmt: skip
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
# Shared libraries inside wheels, by the beginnings of their names: (what it is, SPDX).
LIBRARIES = {
    "libgfortran": ("GCC's Fortran runtime", GCC), "libgomp": ("GCC's OpenMP runtime", GCC),
    "libquadmath": ("GCC's quad-precision library", "LGPL-2.1-or-later"),
    "libopenblas": ("OpenBLAS", "BSD-3-Clause"), "libscipy_openblas": ("OpenBLAS", "BSD-3-Clause"),
    "libavcodec": ("FFmpeg", "LGPL-2.1-or-later"), "libavformat": ("FFmpeg", "LGPL-2.1-or-later"),
    "libavutil": ("FFmpeg", "LGPL-2.1-or-later"), "libswresample": ("FFmpeg", "LGPL-2.1-or-later"),
    "libswscale": ("FFmpeg", "LGPL-2.1-or-later"), "libaom": ("AOM", "BSD-2-Clause"),
    "libavif": ("libavif", "BSD-2-Clause"), "libvpx": ("libvpx", "BSD-3-Clause"), "libdrm": ("libdrm", "MIT"),
    "libpng": ("libpng", "libpng-2.0"), "libcrypto": ("OpenSSL 1.1.1", "OpenSSL"),
    "libssl": ("OpenSSL 1.1.1", "OpenSSL"), "libXau": ("libXau", "MIT"), "libxcb": ("XCB", "MIT"),
    "libbrotli": ("Brotli", "MIT"), "libfreetype": ("FreeType", "FTL OR GPL-2.0-or-later"),
    "libharfbuzz": ("HarfBuzz", "MIT"), "libjpeg": ("libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib"),
    "liblcms2": ("Little CMS", "MIT"), "liblzma": ("liblzma", "0BSD"), "libopenjp2": ("OpenJPEG", "BSD-2-Clause"),
    "libsharpyuv": ("libwebp", "BSD-3-Clause"), "libwebp": ("libwebp", "BSD-3-Clause"),
    "libtiff": ("LibTIFF", "libtiff"), "libzstd": ("Zstandard", "BSD-3-Clause OR GPL-2.0-only"),
}  # fmt: skip


@dataclass
class Package:
    """One locked package. use: a key of SCOPES. libraries: shared ones in its wheel, as ``(name, SPDX)``."""

    name: str
    version: str
    use: str
    licence: str
    libraries: list[tuple[str, str]] = field(default_factory=list)

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{canonicalize_name(self.name)}@{self.version}"


def locked() -> dict[str, tuple[str, str]]:
    """{canonical name: (name, version)} of all locks, in their order."""
    found: dict[str, tuple[str, str]] = {}
    for lock in LOCKS:
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
            match = re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line)
            if match:
                found.setdefault(canonicalize_name(match[1]), (match[1], match[2]))
    return found


def needed(requirements: list[str]) -> set[str]:
    """Canonical names of requirements and of all that they need, as far as it is installed and wanted here."""
    found: set[tuple[str, str]] = set()
    waiting = [(text, "") for text in requirements]
    while waiting:
        text, extra = waiting.pop()
        wish = Requirement(text)
        if wish.marker is not None and not wish.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wish.name)
        for own in ("", *wish.extras):
            if (name, own) in found:
                continue
            found.add((name, own))
            with suppress(metadata.PackageNotFoundError):  # for another system, or a lock that is not installed
                waiting += [(more, own) for more in metadata.requires(name) or []]
    return {name for name, _ in found}


def licence_of(name: str) -> str:
    """The SPDX expression of an installed package. SystemExit, naming it, if it cannot be told."""
    if name in READ:
        return READ[name]
    about: Any = metadata.metadata(name)
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classes = [text.split(" :: ")[-1] for text in about.get_all("Classifier") or [] if text.startswith("License")]
    for said in (about.get("License") or "", *classes):
        if said in SAID:
            return SAID[said]
        if re.fullmatch(r"[A-Za-z0-9.-]+( (AND|OR) [A-Za-z0-9.-]+)*", said):
            return str(said)
    raise SystemExit(f"{name} says {about.get('License')!r}, {classes}: read its file, and add it to READ.")


def libraries_of(name: str) -> list[tuple[str, str]]:
    """Shared libraries that auditwheel put into a wheel, and OpenMP's. SystemExit for one that LIBRARIES lacks."""
    found = set()
    for file in metadata.distribution(name).files or []:
        if ".so" not in file.name or not (file.parts[0].endswith(".libs") or file.name.startswith("libgomp")):
            continue
        begins = [start for start in LIBRARIES if file.name.startswith(start)]
        if not begins:
            raise SystemExit(f"{name} brings {file}, whose licence is not in LIBRARIES: add it.")
        found.add(LIBRARIES[max(begins, key=len)])
    return sorted(found)


def packages() -> list[Package]:
    """Every locked package with its use, sorted by name. SystemExit where the environment is not the lock's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    runtime = needed(project["dependencies"])
    optional = needed([text for name, texts in extras.items() if name not in DEVELOPMENT for text in texts])
    found = []
    for name, (label, version) in sorted(locked().items()):
        use = "runtime" if name in runtime else "extras" if name in optional else "development"
        try:
            here = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            if name not in READ:
                raise SystemExit(f"{label} {version} is not installed; run 'make sbom'.") from None
            found.append(Package(label, version, use, READ[name]))
            continue
        if here != version:
            raise SystemExit(f"{label} is locked to {version}, but {here} is installed; run 'make sbom'.")
        found.append(Package(label, version, use, licence_of(name), libraries_of(name)))
    return found


def bill(found: list[Package]) -> dict[str, Any]:
    """The packages as a CycloneDX document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {canonicalize_name(package.name): package.purl for package in found}
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": own, "name": project["name"], "version": project["version"],
            "purl": own, "licenses": [{"license": {"id": "Apache-2.0"}}],
        }},
        "components": [_component(package) for package in found],
        "dependencies": [
            {"ref": own, "dependsOn": sorted(package.purl for package in found)},
            *({"ref": package.purl, "dependsOn": _needs(package, known)} for package in found),
        ],
    }  # fmt: skip
    said = json.dumps(document, sort_keys=True)
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, said)}", **document}


def _component(package: Package) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library", "bom-ref": package.purl, "name": package.name, "version": package.version,
        "scope": SCOPES[package.use], "purl": package.purl, "licenses": [{"expression": package.licence}],
    }  # fmt: skip
    if package.libraries:
        made["components"] = [
            {"type": "library", "bom-ref": f"{package.purl}#{name}", "name": name, "licenses": [{"expression": spdx}]}
            for name, spdx in package.libraries
        ]
    return made


def _needs(package: Package, known: dict[str, str]) -> list[str]:
    """References of what a package itself needs, of what is locked."""
    try:
        texts = metadata.requires(package.name) or []
    except metadata.PackageNotFoundError:
        return []
    wishes = [Requirement(text) for text in texts]
    wanted = {canonicalize_name(w.name) for w in wishes if w.marker is None or w.marker.evaluate({"extra": ""})}
    return sorted(known[name] for name in wanted & known.keys())


def table(found: list[Package], use: str) -> str:
    """The packages of a use as rows of Markdown: their licence, and shared libraries in their wheels."""
    rows = ["| package | version | licence | shared libraries in its wheel (Linux, x86-64) |", "|---|---|---|---|"]
    for package in found:
        if package.use == use:
            inside = ", ".join(f"{name} ({spdx})" for name, spdx in package.libraries)
            rows.append(f"| {package.name} | {package.version} | {package.licence} | {inside} |")
    return "\n".join(rows)


def page(text: str, found: list[Package]) -> str:
    """``licences.md`` with its tables made anew, between their marks."""
    for use in SCOPES:
        begin, end = f"<!-- {use} -->\n", f"<!-- end of {use} -->"
        before, rest = text.split(begin)
        text = before + begin + table(found, use) + "\n" + end + rest.split(end)[1]
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description="The software bill of materials of what is locked.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file would change")
    check = parser.parse_args().check
    found = packages()
    old = PAGE.read_text(encoding="utf-8")
    made = {SBOM: json.dumps(bill(found), indent=1) + "\n", PAGE: page(old, found)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        print("\n".join(f"{path.relative_to(ROOT)} is stale; run 'make sbom'." for path in stale) or "Up to date.")
        return int(bool(stale))
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
    print(
        f"{len(found)} packages, {sum(len(package.libraries) for package in found)} shared libraries in their wheels."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
