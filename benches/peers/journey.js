// The journey of journey.rhai, request by request, for k6. The counts go into the file that OUT names.
import http from "k6/http";
import { check } from "k6";

export const options = { summaryTrendStats: ["med", "p(99)"] };

const target = __ENV.TARGET;
const json = { "content-type": "application/json" };
// Each user has its own.
let signedIn;

function signIn() {
    const credentials = JSON.stringify({ email: `user${__VU}@example.com`, password: "secret" });
    const answer = http.post(`${target}/api/auth/login`, credentials, { headers: json });
    signedIn = { authorization: `Bearer ${answer.json().token}` };
}

export default function () {
    if (!signedIn) {
        signIn();
    }
    const turn = __ITER;
    const list = `${target}/api/teams?limit=10&page=${(turn % 5) + 1}`;
    const answer = http.get(list, { headers: signedIn, tags: { name: "/api/teams" } });
    const teams = answer.json().items;
    check(answer, { "ten teams": (answer) => answer.status === 200 && teams.length === 10 });
    const team = teams[turn % 10];
    const named = { headers: signedIn, tags: { name: "/api/teams/{id}" } };
    http.get(`${target}/api/teams/${team.id}`, named);
    const change = JSON.stringify({ name: `User ${__VU}, turn ${turn}` });
    http.put(`${target}/api/users/me`, change, { headers: { ...json, ...signedIn } });
}

export function handleSummary(data) {
    return { [__ENV.OUT]: JSON.stringify(data.metrics) };
}
