//! Both editions of the library have the same event loop in types of their own: this is written once for both.

/// `Session`, and `pump`, which runs its connection until it ends. In scope must be the types of the edition, `options`
/// of the event loop, and what turns packets into answers.
macro_rules! pump {
    () => {
        /// A client and its event loop, which is the session: what is not acknowledged it sends again.
        pub struct Session {
            pub client: AsyncClient,
            pub events: EventLoop,
        }

        impl Session {
            pub fn new(options: MqttOptions) -> Self {
                let (client, events) = AsyncClient::new(options, MOST_REQUESTS);
                Session { client, events }
            }

            /// Publishes and subscriptions of orders of before, which will be sent before those of new orders.
            fn left_over(&self, wanted: fn(&Request) -> bool) -> usize {
                self.events.pending.iter().filter(|request| wanted(request)).count()
            }
        }

        /// Ends when the connection does: `poll` would open the next one.
        pub async fn pump(mut session: Session, link: Rc<Link>) -> Session {
            let watch = Watch(link.clone());
            let (mut publishes, mut subscriptions, mut unsubscriptions) = (0, 0, 0);
            let skip = |left: &mut usize| {
                let old = *left > 0;
                *left -= usize::from(old);
                old
            };
            loop {
                let event = tokio::select! {
                    biased;
                    () = link.stop.notified() => break,
                    event = session.events.poll() => event,
                };
                match event {
                    Ok(Event::Incoming(Incoming::ConnAck(packet))) => {
                        publishes = session.left_over(|request| matches!(request, Request::Publish(_)));
                        subscriptions = session.left_over(|request| matches!(request, Request::Subscribe(_)));
                        unsubscriptions = session.left_over(|request| matches!(request, Request::Unsubscribe(_)));
                        link.opened(connack(packet));
                    }
                    Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                        if !skip(&mut publishes) {
                            link.sent(Kind::Publish, id);
                        }
                        if id == 0 {
                            link.came(Kind::Publish, 0, Answer::default());
                        }
                    }
                    Ok(Event::Outgoing(Outgoing::Subscribe(id))) if !skip(&mut subscriptions) => {
                        link.sent(Kind::Subscribe, id);
                    }
                    Ok(Event::Outgoing(Outgoing::Unsubscribe(id))) if !skip(&mut unsubscriptions) => {
                        link.sent(Kind::Unsubscribe, id);
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
                    Ok(Event::Incoming(Incoming::SubAck(packet))) => {
                        link.came(Kind::Subscribe, packet.pkid, suback(packet))
                    }
                    Ok(Event::Incoming(Incoming::UnsubAck(packet))) => {
                        link.came(Kind::Unsubscribe, packet.pkid, unsuback(packet))
                    }
                    Ok(Event::Incoming(Incoming::PubAck(packet))) => {
                        link.came(Kind::Publish, packet.pkid, puback(packet))
                    }
                    Ok(Event::Incoming(Incoming::PubComp(packet))) => {
                        link.came(Kind::Publish, packet.pkid, pubcomp(packet))
                    }
                    Ok(Event::Incoming(Incoming::PubRec(packet))) => {
                        let (id, answer) = (packet.pkid, pubrec(packet));
                        if !answer.ok() {
                            link.came(Kind::Publish, id, answer);
                        }
                    }
                    Ok(Event::Incoming(Incoming::Publish(packet))) => link.tell(message(packet)),
                    Ok(_) => {}
                    Err(ConnectionError::ConnectionRefused(code)) => {
                        link.opened(Answer { error: Some(format!("{code:?}")), ..Answer::codes(vec![refusal(code)]) });
                        break;
                    }
                    Err(error) => {
                        link.lost(lost_code(&error), error);
                        break;
                    }
                }
            }
            // Closes the connection, and keeps what is to be sent again.
            session.events.clean();
            drop(watch);
            session
        }
    };
}
