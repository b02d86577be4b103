// One GET and one check, for k6. The counts go into the file that OUT names.
import http from "k6/http";
import { check } from "k6";

export const options = { summaryTrendStats: ["med", "p(99)"] };

export default function () {
    const answer = http.get(`${__ENV.TARGET}/`);
    check(answer, { "status is 200": (answer) => answer.status === 200 });
}

export function handleSummary(data) {
    return { [__ENV.OUT]: JSON.stringify(data.metrics) };
}
