"""Schema documents, and the references between them.

Every document is local. A document is known by the address of its file below a root and by its
``$id``; a relative ``$id`` counts from the file's address. A ``$ref`` is resolved as the standard
says, and where that finds nothing, from the file's address, because a file that stands beside its
referrer often lacks an ``$id``. Nothing is ever fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urldefrag, urljoin

from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from platform_assets.contracts.positions import NotJson, Positioned, read_positioned
from platform_assets.contracts.reasons import pointer
from platform_assets.errors import ContractInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from referencing._core import Resolver

    Resolvers = Resolver[Any]

#: The address below which files without an absolute ``$id`` are known; ``.invalid`` never resolves.
BASE_URI = "https://contracts.invalid/"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ONE = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


_VALUES = ("enum", "const", "default", "examples")


def _other_dialects(value: Any, where: str) -> Iterator[str]:
    """Yield the places of every ``$schema`` that names another dialect."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _other_dialects(item, where + pointer(index))
    elif isinstance(value, dict):
        dialect = value.get("$schema", DIALECT)
        # Below "properties" it may be the name of a property, and then it has a schema.
        if not isinstance(dialect, (dict, bool)) and str(dialect).removesuffix("#") != DIALECT:
            yield where + pointer("$schema")
        for name, item in value.items():
            if name not in _VALUES:
                yield from _other_dialects(item, where + pointer(name))


@dataclass(frozen=True)
class SchemaDocument:
    """One schema file: its address, its text as written, and how to name it in errors."""

    uri: str
    file: str
    text: str
    positioned: Positioned

    @classmethod
    def read(cls, uri: str, file: str, text: str) -> SchemaDocument:
        """Parse the text.

        Raises:
            ContractInvalid: it is not JSON, or no schema.
        """
        try:
            positioned = read_positioned(text)
        except NotJson as error:
            raise ContractInvalid(
                f"{file}:{error.line}",
                expected="a JSON Schema in JSON",
                found=str(error),
                remedy="Correct the line.",
            ) from error
        document = cls(uri, file, text, positioned)
        if not isinstance(positioned.value, dict):
            raise document.error(
                "",
                expected="a JSON Schema that is an object",
                found=f"a {type(positioned.value).__name__}",
                remedy='Begin the file with {"$schema": …, "type": "object", "properties": …}.',
            )
        for where in _other_dialects(positioned.value, ""):
            raise document.error(
                where,
                expected=f"JSON Schema Draft 2020-12 ({DIALECT})",
                found="another dialect",
                remedy=f'Write "$schema": "{DIALECT}" and adapt the keywords that changed.',
            )
        return document

    @property
    def value(self) -> dict[str, Any]:
        """The schema."""
        value: dict[str, Any] = self.positioned.value
        return value

    @property
    def identity(self) -> str:
        """The address that ``$id`` gives, or the file's."""
        own = self.value.get("$id")
        return urldefrag(urljoin(self.uri, own) if isinstance(own, str) else self.uri)[0]

    def error(self, where: str, *, expected: str, found: str, remedy: str) -> ContractInvalid:
        """Return the error that names this file and the line of a part of it."""
        line = self.positioned.line(where)
        return ContractInvalid(f"{self.file}:{line}", expected=expected, found=found, remedy=remedy)


@dataclass(frozen=True)
class Place:
    """A schema inside a document, with what its references are resolved against."""

    schema: Any
    document: SchemaDocument
    where: str
    resolver: Resolvers

    def error(self, keyword: str, *, expected: str, found: str, remedy: str) -> ContractInvalid:
        """Return the error that names the line of a keyword of this schema."""
        where = self.where + pointer(keyword) if keyword else self.where
        return self.document.error(where, expected=expected, found=found, remedy=remedy)

    @property
    def fragment(self) -> str:
        """The pointer as the fragment of an address."""
        return quote(self.where, safe="/~!$&'()*+,;=:@")

    def step(self, *steps: str | int) -> Place:
        """Return a schema inside this one."""
        schema = self.schema
        for part in steps:
            schema = schema[part]
        resolver = self.resolver
        if isinstance(schema, dict) and isinstance(schema.get("$id"), str):
            resolver = resolver.in_subresource(DRAFT202012.create_resource(schema))
        return Place(schema, self.document, self.where + pointer(*steps), resolver)

    def children(self) -> Iterator[Place]:
        """Yield the schemas directly inside this one; values such as enum and examples are none."""
        if not isinstance(self.schema, dict):
            return
        for keyword, value in self.schema.items():
            if keyword in _ONE and isinstance(value, (dict, bool)):
                yield self.step(keyword)
            elif keyword in _MANY and isinstance(value, list):
                yield from (self.step(keyword, index) for index in range(len(value)))
            elif keyword in _NAMED and isinstance(value, dict):
                yield from (self.step(keyword, name) for name in value)

    def everything(self) -> Iterator[Place]:
        """Yield this schema and all schemas inside it."""
        yield self
        for child in self.children():
            yield from child.everything()


class Library:
    """Schema documents that can refer to each other."""

    def __init__(self, documents: Mapping[str, SchemaDocument]) -> None:
        """Index the documents, given by every address under which each is to be found."""
        self._documents = dict(documents)
        self._places: dict[int, Place] = {}
        self._registry: Registry[Any] = Registry().with_resources(
            (uri, DRAFT202012.create_resource(document.value))
            for uri, document in documents.items()
        )
        self._registry = self._registry.crawl()
        for document in documents.values():
            for place in self.root(document).everything():
                if isinstance(place.schema, dict):
                    self._places.setdefault(id(place.schema), place)

    def documents(self) -> dict[str, SchemaDocument]:
        """Return the documents by every address under which they are found."""
        return dict(self._documents)

    def root(self, document: SchemaDocument) -> Place:
        """Return the place of a whole document."""
        resolver = self._registry.resolver(document.identity)
        return Place(document.value, document, "", resolver)

    def follow(self, place: Place) -> tuple[Place, str | None]:
        """Return where a reference leads, and the address to add for it where only the file has one.

        Raises:
            ContractInvalid: no document here has what the reference names.
        """
        reference = place.schema["$ref"]
        try:
            found = place.resolver.lookup(reference)
            alias = None
        except Unresolvable as error:
            standard = urljoin(place.resolver._base_uri, reference)  # noqa: SLF001  # no public name
            by_file = urljoin(place.document.uri, reference)
            try:
                found = self._registry.resolver("").lookup(by_file)
            except Unresolvable:
                raise self._unresolved(place, standard) from error
            alias = urldefrag(standard)[0]
        return self._place_of(found.contents, place), alias

    def _place_of(self, schema: Any, referrer: Place) -> Place:
        if isinstance(schema, bool):
            return replace(referrer, schema=schema)
        known = self._places.get(id(schema)) if isinstance(schema, dict) else None
        if known is None:
            raise referrer.error(
                "$ref",
                expected="a reference to a schema",
                found=f"{referrer.schema['$ref']!r}, where no schema stands",
                remedy="Point it at a schema, for example one in $defs.",
            )
        return known

    def _unresolved(self, place: Place, address: str) -> ContractInvalid:
        return place.error(
            "$ref",
            expected="a $ref to a schema in the contract folders (nothing is fetched)",
            found=f"{place.schema['$ref']!r}, that is {address}, which no file here has",
            remedy="Correct the reference, or put the schema beside the others with that $id.",
        )
