"""Which tables keep the money?"""

from billing.models.insurance import Claim as Claim
from billing.models.insurance import InsurancePlan as InsurancePlan
from billing.models.insurance import InsurancePolicy as InsurancePolicy
from billing.models.invoices import Invoice as Invoice
from billing.models.invoices import InvoiceLine as InvoiceLine
from billing.models.journal import JournalEntry as JournalEntry
from billing.models.journal import Posting as Posting
from billing.models.payments import GatewayNotice as GatewayNotice
from billing.models.payments import Payment as Payment
from billing.models.payments import Quarantine as Quarantine
from billing.models.payments import Refund as Refund
from billing.models.receipts import Receipt as Receipt
from billing.models.receipts import ReceiptCounter as ReceiptCounter
from billing.models.settlement import CashCount as CashCount
from billing.models.settlement import Difference as Difference
from billing.models.settlement import Settlement as Settlement
from billing.models.settlement import StatementLine as StatementLine
