"""What can become of a copy: a word for each step of its way."""

from typing import Final

from inspan_collector import ledger

# Where a copy begins here.
ACCEPTED: Final = "accepted"  # in our custody
SYNTHESIZED: Final = "synthesized"  # made here, for an agent that is gone
RECOVERED: Final = "recovered"  # read back from disk, of this life or of one before
REPLAYED: Final = "replayed"  # given to its destination again, out of quarantine; it was accepted in the same moment

# On its way.
IN_FLIGHT: Final = "in_flight"  # an attempt begins
PUT_OFF: Final = "put_off"  # the upstream, or the way there, asked for time: sent again
ISOLATED: Final = "isolated"  # the upstream refused the batch it was in: sent again, smaller
PAUSED: Final = "paused"  # the upstream refuses everything: sent again, when that is repaired
TRIED: Final = frozenset({PUT_OFF, ISOLATED, PAUSED})  # an attempt is over, and was not the last; the detail is why
SPOOLED: Final = "spooled"  # on disk, and not in memory any more

# Its end.
DELIVERED: Final = "delivered"
MERGED: Final = "merged"  # another copy of the span was sent, or is to be sent, instead
QUARANTINED: Final = "quarantined"
REJECTED: Final = "rejected"  # the upstream took the batch, and not this
DROPPED: Final = "dropped"  # the detail begins with the reason
ENDS: Final = frozenset({DELIVERED, MERGED, QUARANTINED, REJECTED, DROPPED})

INVALIDATED: Final = "invalidated"  # the fingerprint of what was delivered is forgotten: this copy is another
ASIDE: Final = frozenset({REPLAYED, INVALIDATED})  # are no place: they say more of the step before

INTERRUPTED: Final = "INTERRUPTED"  # the status of a span that was ended for its agent
BEGINNINGS: Final = frozenset({ACCEPTED, SYNTHESIZED})

_BY_FATE: Final = {account: (name, "") for name, account in ledger.FATES.items()} | {
    account: (REJECTED, "") if reason == REJECTED else (DROPPED, reason) for reason, account in ledger.DROPPED.items()
}


def of_fate(fate: int, why: str = "", *, spans: int = 0, rejected: int = 0, needless: int = 0) -> tuple[str, str]:
    """(status, detail) of a fate of the ledger. rejected, needless: of `spans` that were delivered together, those that
    the upstream did not want, and those that lost to what it has."""
    status, reason = _BY_FATE[fate]
    if spans and spans in (rejected, needless):
        return (REJECTED if rejected else MERGED), why
    if rejected or needless:
        lost = " and ".join(
            f"{count} {word}" for count, word in ((rejected, "rejected"), (needless, "merged")) if count
        )
        return status, f"of {spans} together, {lost}: the upstream did not say which"
    return status, ": ".join(filter(None, (reason, why)))
