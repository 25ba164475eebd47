"""Trinity: the control plane for an autonomous agency. See docs/architecture.md for the house plan."""

__version__ = "0.1.0"
