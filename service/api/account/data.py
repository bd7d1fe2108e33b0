"""The routes of all of a client's data: its export, its deletion, and the receipts."""

from typing import Annotated, Any

from litestar import Response, delete, get
from litestar.params import PathParameter
from litestar.response import Stream

from service.api.admission import LongAnswer, rate_limited
from service.api.endpoint import endpoint, query
from service.api.parts import Parts
from service.database.tables import data_deletions
from service.jobs.records import may_be_id
from service.operations.export import exported
from service.schemas import answers
from service.schemas.account import DataDeletion, DataDeletionItems
from service.schemas.problems import AnyRequest, not_found, wrong
from service.schemas.remedies import with_received

#: Seconds for which a deletion works before it answers.
_SECONDS = 10.0
_EXPORT = {200: answers.ZIP, 429: answers.TOO_MANY_EXPORTS}
_BEGUN = answers.documented(DataDeletion, description="Begun: the sweep goes on")
_DELETION = {202: _BEGUN, 429: answers.TOO_MANY_DELETIONS}
_CHANGES: dict[str, Any] = {"status_code": 200, "guards": [rate_limited]}
_CONFIRM = query("Your client's name, as a safeguard.", "acme")
ReceiptId = Annotated[str, PathParameter(description="The receipt's `id`.")]


@endpoint(get, "/data", tag="data", responses=_EXPORT)
async def export_data(request: AnyRequest, state: Parts) -> Stream:
    """Stream all of your data as a ZIP: JSON Lines for each kind, then photos, pictures and masks, without secrets.

    A client has one export at a time. It is no snapshot: it may miss what changes meanwhile.
    """
    client_id = request.state.client.id
    parts = exported(state.engine, (state.sources, state.renders), client_id)
    headers = {"Content-Disposition": 'attachment; filename="data.zip"', "Cache-Control": "no-store"}
    return LongAnswer(parts, state.exports.hold(client_id), media_type="application/zip", headers=headers)


@endpoint(delete, "/data", tag="data", responses=_DELETION, **_CHANGES)
async def delete_data(request: AnyRequest, state: Parts, confirm: Annotated[str, _CONFIRM]) -> Response[DataDeletion]:
    """Delete all of your data, and return the receipt. Unfinished jobs are cancelled and refunded.

    This can't be undone. If it takes longer than 10 s, the answer is 202. Repeating it is safe.
    """
    client = request.state.client
    if confirm != client.name:
        text = f"Should be your client's name, {client.name}, because this deletes all of your data"
        raise wrong(["query", "confirm"], "confirm_wrong", with_received(text, confirm))
    receipt = _shown(await state.deletions.run(client.id, state.erasure.run, client.id, seconds=_SECONDS))
    return Response(receipt, status_code=200 if receipt.completed_at else 202)


@endpoint(get, "/data/deletions", tag="data")
def list_data_deletions(request: AnyRequest, state: Parts) -> DataDeletionItems:
    """List the receipts of your deletions of all data, newest first."""
    return DataDeletionItems(items=[_shown(one) for one in state.erasure.receipts(request.state.client.id)])


@endpoint(get, "/data/deletions/{id:str}", tag="data")
def get_data_deletion(request: AnyRequest, state: Parts, id: ReceiptId) -> DataDeletion:
    """Return a receipt with its current state."""
    own = state.erasure.receipts(request.state.client.id, data_deletions.c.id == id) if may_be_id(id) else []
    for receipt in own:
        return _shown(receipt)
    raise not_found("receipt")


def _shown(receipt: dict[str, Any]) -> DataDeletion:
    return DataDeletion(**receipt, state="complete" if receipt["completed_at"] else "in_progress")
