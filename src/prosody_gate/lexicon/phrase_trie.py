"""Phrases of both lists as a tree of tokens, for finding the longest one at a place."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class PhraseTrie:
    """A node of the tree; the root stands for no token yet."""

    edges: dict[str, PhraseTrie] = field(default_factory=dict)
    """Next canonical token to the node after it."""

    tokens: tuple[str, ...] = ()
    """The canonical tokens from the root to here."""

    phrase: str | None = None
    """The phrase that ends here, as it stands in its list; None when none does."""

    is_interrupt: bool = False
    """Which list the phrase is on."""

    def put(self, tokens: tuple[str, ...], phrase: str, *, is_interrupt: bool) -> None:
        """Add a phrase by its canonical tokens."""
        node = self
        for token in tokens:
            if token not in node.edges:
                node.edges[token] = PhraseTrie(tokens=(*node.tokens, token))
            node = node.edges[token]
        node.phrase = phrase
        node.is_interrupt = is_interrupt

    def walk(self, tokens: tuple[str, ...]) -> PhraseTrie | None:
        """Return the node that the tokens lead to from here, or None."""
        node: PhraseTrie | None = self
        for token in tokens:
            node = node.edges.get(token) if node is not None else None
        return node

    def leads_to_ignore(self, partial: str) -> bool:
        """Whether a word that begins with `partial`, and is longer, goes on towards an ignore phrase."""
        return any(
            token != partial and token.startswith(partial) and node._holds_ignore()
            for token, node in self.edges.items()
        )

    def _holds_ignore(self) -> bool:
        if self.phrase is not None and not self.is_interrupt:
            return True
        return any(node._holds_ignore() for node in self.edges.values())
