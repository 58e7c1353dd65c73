"""What a function's name tells where no HTTP method is known: whether a call changes something."""

import re

# First words of names of functions that change something.
CHANGES = frozenset(
    re.findall(
        r"\w+",
        """
    add append apply approve archive assign block book buy cancel change clear close configure
    create delete disable edit embed enable enroll follow generate grant import initiate insert
    invite join leave like make manage mark merge modify move order patch pay place post publish
    purchase put register reject remove rename replace report request reserve reset restore revoke
    rotate save schedule send set share start stop submit subscribe switch sync synchronize transfer
    trigger turn unassign unsubscribe update upload upsert vote withdraw write
        """,
    )
)
