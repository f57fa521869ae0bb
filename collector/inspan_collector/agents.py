"""Who is at the other end of a connection, as far as the kernel can tell."""

import socket
import struct
from collections.abc import Callable, Hashable
from itertools import count

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class Agent:
    """One posting process, or one connection where the process cannot be known.

    pid: 0 where the kernel does not say (TCP, or a peer in another PID namespace). uid: None over TCP.
    number: counts up and is never used twice, so it can stand for the agent in logs and keys.
    connections: how many of its connections live. known: the registered agent that posted over them last, or None.
    """

    __slots__ = ("connections", "known", "number", "pid", "uid")

    def __init__(self, pid: int, uid: int | None, number: int) -> None:
        self.pid = pid
        self.uid = uid
        self.number = number
        self.connections = 0
        self.known: Hashable = None

    def __repr__(self) -> str:
        return f"<Agent {self.number} pid {self.pid} uid {self.uid} connections {self.connections}>"

    def __str__(self) -> str:
        """For people: the process, or which connection it was where the kernel does not say."""
        return f"pid {self.pid}" if self.pid else f"connection {self.number}"


class Agents:
    """The agents that have a connection now. Connections of one pid share one `Agent`."""

    __slots__ = ("_by_pid", "_live", "_next_number")

    def __init__(self) -> None:
        self._live: dict[Agent, None] = {}
        self._by_pid: dict[int, Agent] = {}
        self._next_number: Callable[[], int] = count(1).__next__

    def __repr__(self) -> str:
        return f"<Agents {self.alive} alive, {len(self._by_pid)} with a pid>"

    @property
    def alive(self) -> int:
        """How many agents there are, as far as the kernel can tell."""
        return len(self._live)

    def crowded(self) -> bool:
        """Whether there is more than one, where connections of one registered agent are known to be one."""
        who = (agent.known or agent for agent in self._live)
        first = next(who, None)
        return any(another is not first for another in who)

    def arrive(self, pid: int, uid: int | None) -> Agent:
        """The agent of a new connection. Each `arrive` is paid back by one `leave`."""
        agent = self._by_pid.get(pid)
        if agent is None:
            agent = Agent(pid, uid, self._next_number())
            self._live[agent] = None
            if pid > 0:
                self._by_pid[pid] = agent
        agent.connections += 1
        return agent

    def leave(self, agent: Agent) -> None:
        """One of its connections is gone; with the last one its pid is forgotten, since the kernel reuses pids."""
        agent.connections -= 1
        if not agent.connections:
            del self._live[agent]
            self._by_pid.pop(agent.pid, None)


def peer(sock: socket.socket) -> tuple[int, int | None]:
    """Pid and uid of the process that connected (SO_PEERCRED of unix(7)); (0, None) over TCP."""
    if sock.family != socket.AF_UNIX:
        return 0, None
    pid, uid, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid
