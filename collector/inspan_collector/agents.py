"""Who is at the other end of a connection, as far as the kernel can tell."""

import socket
import struct
from collections.abc import Callable
from itertools import count

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class Agent:
    """One posting process, or one connection where the process cannot be known.

    pid: 0 where the kernel does not say (TCP, or a peer in another PID namespace). uid: None over TCP.
    number: counts up and is never used twice, so it can stand for the agent in logs and keys.
    connections: how many of its connections live.
    """

    __slots__ = ("connections", "number", "pid", "uid")

    def __init__(self, pid: int, uid: int | None, number: int) -> None:
        self.pid = pid
        self.uid = uid
        self.number = number
        self.connections = 0

    def __repr__(self) -> str:
        return f"<Agent {self.number} pid {self.pid} uid {self.uid} connections {self.connections}>"

    def __str__(self) -> str:
        return f"pid {self.pid}" if self.pid else f"connection {self.number}"


class Agents:
    """The agents that have a connection now. Connections of one pid share one `Agent`.

    alive: how many agents there are.
    """

    __slots__ = ("_by_pid", "_next_number", "alive")

    def __init__(self) -> None:
        self.alive = 0
        self._by_pid: dict[int, Agent] = {}
        self._next_number: Callable[[], int] = count(1).__next__

    def __repr__(self) -> str:
        return f"<Agents {self.alive} alive, {len(self._by_pid)} with a pid>"

    def arrive(self, pid: int, uid: int | None) -> Agent:
        """The agent of a new connection. Each `arrive` is paid back by one `leave`."""
        agent = self._by_pid.get(pid)
        if agent is None:
            agent = Agent(pid, uid, self._next_number())
            self.alive += 1
            if pid > 0:
                self._by_pid[pid] = agent
        agent.connections += 1
        return agent

    def leave(self, agent: Agent) -> None:
        """One of its connections is gone; with the last one its pid is forgotten, since the kernel reuses pids."""
        agent.connections -= 1
        if not agent.connections:
            self.alive -= 1
            self._by_pid.pop(agent.pid, None)


def peer(sock: socket.socket) -> tuple[int, int | None]:
    """Pid and uid of the process that connected (SO_PEERCRED of unix(7)); (0, None) over TCP."""
    if sock.family != socket.AF_UNIX:
        return 0, None
    pid, uid, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid
