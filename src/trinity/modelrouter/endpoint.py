"""Where models are asked: an OpenAI-compatible base URL, a key, a model."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

NVIDIA = "nvidia.com"


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """One endpoint. `base_url` ends before `/chat/completions`, as in `https://integrate.api.nvidia.com/v1`.

    `api_key` may be empty for a sandbox; it is never shown. `is_sandbox` is decided by the process's
    settings, never by the address.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    is_sandbox: bool

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a model endpoint needs an http or https address")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("a model endpoint's address has no user, query or fragment")
        if not self.model:
            raise ValueError("a model endpoint names its model")

    @property
    def completions_url(self) -> str:
        """The address of the chat completions."""
        return self.base_url.rstrip("/") + "/chat/completions"

    @property
    def is_nvidia(self) -> bool:
        """Whether NVIDIA itself answers there, which takes a field of its own to leave reasoning out."""
        host = urlsplit(self.base_url).hostname or ""
        return host == NVIDIA or host.endswith(f".{NVIDIA}")

    @property
    def provider(self) -> str:
        """Who answers, as a decision's row says it: a sandbox, NVIDIA, or the host that speaks its protocol."""
        if self.is_sandbox:
            return "sandbox"
        return "nvidia" if self.is_nvidia else urlsplit(self.base_url).hostname or ""
