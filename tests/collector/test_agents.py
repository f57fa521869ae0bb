"""Who is at the other end, and whether there is more than one."""

from inspan_collector.agents import Agents


def test_connections_of_one_registered_agent_are_no_crowd() -> None:
    agents = Agents()
    assert not agents.crowded()
    one, two = agents.arrive(0, None), agents.arrive(0, None)
    assert agents.crowded()
    one.known = two.known = "a"
    assert not agents.crowded() and agents.alive == 2
    three = agents.arrive(0, None)
    assert agents.crowded()
    agents.leave(three)
    two.known = "b"
    assert agents.crowded()
    agents.leave(one)
    assert not agents.crowded() and agents.alive == 1
