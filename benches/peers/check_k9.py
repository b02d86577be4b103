"""One GET and one check, for k9-load's scripts."""

import k9


async def default():
    answer = await k9.http.get(f"{k9.env['TARGET']}/")
    k9.check(answer, {"status is 200": lambda answer: answer.status == 200})
