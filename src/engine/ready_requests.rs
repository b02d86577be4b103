//! Requests that are made once and sent again.
//!
//! A statement of literals asks for the same each time, and mostly all users of a thread run it. What the transport is given for
//! it needs not be put together and taken apart for each of them.

use std::cell::RefCell;
use std::rc::Rc;

use crate::script::HttpCall;
use crate::transport::Request;

/// Requests that wait at most. One whose answer has come is taken up again in the same turn, so that few ever wait.
const MOST: usize = 16;

/// A request, and the call that it was made of.
#[derive(Debug)]
pub(super) struct Ready {
    call: Rc<HttpCall>,
    pub(super) request: Request,
}

/// Requests that wait for whoever of their thread asks for the same next.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "each goes to a user who waits and back, where a pointer is less to move and to keep"
)]
pub(super) struct ReadyRequests(RefCell<Vec<Box<Ready>>>);

impl ReadyRequests {
    /// The request that `call` comes to: the last one that waits, or one that is made.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn take<E>(
        &self,
        call: &Rc<HttpCall>,
        make: impl FnOnce() -> Result<Request, E>,
    ) -> Result<Box<Ready>, E> {
        let mut waiting = self.0.borrow_mut();
        if let Some(place) = waiting.iter().rposition(|ready| Rc::ptr_eq(&ready.call, call)) {
            return Ok(waiting.swap_remove(place));
        }
        Ok(Box::new(Ready { call: Rc::clone(call), request: make()? }))
    }

    /// Keeps a request that was sent and is done with. Who asked for it still holds the call.
    pub(super) fn keep(&self, ready: Box<Ready>) {
        // A redirect has changed it, and so has an address with a user and a password.
        let is_unchanged = Rc::ptr_eq(&ready.request.url, &ready.call.url);
        // Who asked holds the call, and so does the request; whoever else does may ask again.
        let is_known = Rc::strong_count(&ready.call) > 2;
        let mut waiting = self.0.borrow_mut();
        if is_unchanged && is_known && waiting.len() < MOST {
            waiting.push(ready);
        } else if waiting.len() >= MOST {
            // Perhaps nobody asks for these any more.
            waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Method;
    use url::Url;

    use super::*;
    use crate::script::call::CallBody;

    fn call(path: &str) -> Rc<HttpCall> {
        Rc::new(HttpCall {
            name: path.into(),
            named: false,
            method: "GET".into(),
            url: Url::parse(&format!("http://a.test{path}")).expect("a URL").into(),
            headers: Vec::new(),
            body: CallBody::Empty,
            timeout: None,
            max_redirects: None,
            expect: Vec::new(),
            basic_auth: None,
            tags: [].into(),
            group: "".into(),
        })
    }

    /// Asks for what `call` comes to, and says whether it had to be made.
    fn take(requests: &ReadyRequests, call: &Rc<HttpCall>) -> (Box<Ready>, bool) {
        let mut is_made = false;
        let ready = requests.take(call, || {
            is_made = true;
            Ok::<_, Infallible>(Request::new(Method::GET, Rc::clone(&call.url)))
        });
        (ready.expect("it can be made"), is_made)
    }

    #[test]
    fn a_call_that_is_known_to_others_is_made_once() {
        let requests = ReadyRequests::default();
        let (one, other) = (call("/one"), call("/other"));
        let _others = (Rc::clone(&one), Rc::clone(&other));
        for is_first in [true, false, false] {
            for call in [&one, &other] {
                let (ready, is_made) = take(&requests, call);
                assert_eq!(is_made, is_first);
                assert_eq!(ready.request.url, call.url);
                requests.keep(ready);
            }
        }
    }

    #[test]
    fn what_was_changed_on_the_way_is_not_sent_again() {
        let requests = ReadyRequests::default();
        let call = call("/");
        let _other = Rc::clone(&call);
        let (mut ready, _) = take(&requests, &call);
        Rc::make_mut(&mut ready.request.url).set_path("/elsewhere");
        requests.keep(ready);
        let (ready, is_made) = take(&requests, &call);
        assert!(is_made);
        assert_eq!(ready.request.url.path(), "/");
    }

    #[test]
    fn what_nobody_else_may_ask_for_is_not_kept_and_what_nobody_asks_for_makes_room() {
        let requests = ReadyRequests::default();
        let own = call("/own");
        requests.keep(take(&requests, &own).0);
        assert_eq!(Rc::strong_count(&own), 1);
        let known: Vec<_> = (0..3 * MOST).map(|place| call(&format!("/{place}"))).collect();
        let _others = known.clone();
        for call in &known {
            requests.keep(take(&requests, call).0);
            assert!(requests.0.borrow().len() <= MOST);
        }
        let last = known.last().expect("there are some");
        requests.keep(take(&requests, last).0);
        assert!(!take(&requests, last).1);
    }
}
