"""One GET and one check, for Locust, with the faster of its two clients."""

from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def request(self):
        with self.client.get("/", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status is {answer.status_code}")
