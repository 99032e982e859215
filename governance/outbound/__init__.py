"""What may leave the house: every call to the outside passes here first.

`check` asks whether an endpoint may receive rows of a classification; `addresses` whether an address may be called
at all; `clients` are the only clients there are, and connect to nothing that was not asked about.
"""

from governance.outbound.classification import Destination as Destination
from governance.outbound.classification import check as check
from governance.outbound.classification import may_receive as may_receive
