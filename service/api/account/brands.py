"""The routes of a client's brands."""

from typing import Annotated, Any

from litestar import Response, delete, get, put
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from service.api.endpoint import endpoint
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.account import BrandRequest
from service.schemas.problems import AnyRequest, not_found
from service.schemas.responses import BrandItems, BrandView
from service.schemas.serialize import serialize_brand

BrandName = Annotated[str, PathParameter(description="The brand's name, percent-encoded.")]
#: The brand of a request without a body.
_PLAIN = BrandRequest()


@endpoint(get, "/brands", tag="brands")
def list_brands(request: AnyRequest, state: Parts) -> BrandItems:
    """List the client's brands, sorted by name."""
    return BrandItems(items=[serialize_brand(brand) for brand in state.brands.list(request.state.client.id)])


@endpoint(get, "/brands/{name:str}", tag="brands")
def get_brand(request: AnyRequest, state: Parts, name: BrandName) -> BrandView:
    """Return one of the client's brands."""
    brand = state.brands.get(name, client_id=request.state.client.id)
    if brand is None:
        raise not_found("brand")
    return serialize_brand(brand)


@endpoint(
    put,
    "/brands/{name:str}",
    tag="brands",
    responses={
        200: answers.documented(BrandView, description="Replaced"),
        201: answers.documented(BrandView, description="Created"),
        409: answers.TOO_MANY_BRANDS,
    },
)
def put_brand(
    request: AnyRequest,
    state: Parts,
    name: BrandName,
    data: Annotated[BrandRequest, Body(examples=[Example(value=BrandRequest.EXAMPLE)])] = _PLAIN,
) -> Response[Any]:
    """Create a brand, or replace all of it. A pinned brand keeps its seed unless you send another.

    The name is percent-encoded in the path. A swap's `pilot_brand` has to match it exactly.
    """
    brand, new = state.brands.put(name, data.profile, client_id=request.state.client.id)
    return Response(serialize_brand(brand), status_code=201 if new else 200)


@endpoint(delete, "/brands/{name:str}", tag="brands")
def delete_brand(request: AnyRequest, state: Parts, name: BrandName) -> None:
    """Delete a brand. Its jobs and renders stay, and still show its name."""
    if not state.brands.delete(name, client_id=request.state.client.id):
        raise not_found("brand")
