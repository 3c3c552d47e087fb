"""In which ways does the bank say no to a program?"""


class Refusal(Exception):
    """A no with its status and code, as the protocol has them."""

    status = 409
    code = ""


class Invalid(Refusal):
    """The request makes no sense."""

    status, code = 422, "invalid"


class Unknown(Refusal):
    """There is no such number."""

    status, code = 404, "unknown"


class NumberReused(Refusal):
    """The number stands for something else already."""

    code = "number_reused"


class NotPaid(Refusal):
    """There is no money that could go back."""

    code = "not_paid"


class ExceedsPayment(Refusal):
    """More would go back than came in."""

    code = "exceeds_payment"


class Lost(Exception):
    """The deed is done; its answer does not arrive."""
