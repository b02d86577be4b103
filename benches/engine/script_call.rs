//! What an iteration of a script costs when requests are answered at once.

use criterion::{Criterion, Throughput};

use crate::one_task::{CHECKED_GET, OneTask};

const NOTHING: &str = "fn journey(user) { }";
/// What scripts do most: read a value out of an answer, put it into the next request, check each.
const JOURNEY: &str = r#"
fn journey(user) {
    let r = user.post("/api/auth/login", #{ json: #{ email: `user${user.id}@example.com`, password: "secret" } });
    check(r, "signed in", r.status == 200);
    user.header("authorization", `Bearer ${r.json().token}`);
    let r = user.get("/api/teams", #{ query: #{ page: rand_int(1, 5), limit: 10 } });
    check(r, "status is 200", r.status == 200);
    let team = pick(r.json().items);
    user.get(`/api/teams/${team.id}`, #{ name: "/api/teams/{id}" });
    user.put("/api/users/me", #{ json: #{ name: fake("name") } });
}
"#;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("script call");
    let scripts =
        [("no request", NOTHING), ("one GET and a check", CHECKED_GET), ("a journey", JOURNEY)];
    for (name, text) in scripts {
        let task = OneTask::new(text);
        group.throughput(Throughput::Elements(task.run().max(1)));
        group.bench_function(name, |bencher| bencher.iter(|| task.run()));
    }
    group.finish();
}
