"""What a stray log line or a failing assertion would show of those who hold secrets."""

from tests.world import ENCRYPTION_KEY, PASSWORD, World
from trinity import agency


def test_whoever_holds_a_secret_does_not_show_it(world: World) -> None:
    assert repr(ENCRYPTION_KEY) not in repr(world.rails)
    first = agency.FirstAccount("Northwind", ("owner@northwind.example", "Robin Owner", PASSWORD), None, None)
    assert PASSWORD not in repr(first)
