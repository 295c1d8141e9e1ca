//! The diary: nobody is booked twice, however many try at the same time.

mod support;

use support::twins::{self, SharedIds, Twin};
use support::{TestStore, all_at_once, at};
use switchboard_store::*;

/// More than the connections of a pool, so that some also wait for one.
const CALLERS: usize = 20;

async fn shop(test: &TestStore) -> Twin {
    let twin = Twin::seed(test, "medspa", "canary", SharedIds::new()).await;
    assert!(
        twin.store
            .cancel_appointment(twin.appointment)
            .await
            .unwrap()
    );
    twin
}

fn wanted(shop: &Twin, key: &str, starts_s: i64, ends_s: i64) -> NewAppointment {
    NewAppointment {
        starts_at: at(starts_s),
        ends_at: at(ends_s),
        idempotency_key: key.to_owned(),
        ..twins::appointment(shop.contact, shop.practitioner, shop.service, "note")
    }
}

on_both! {
    of_twenty_bookings_at_once_one_is_booked(test) {
        let shop = shop(&test).await;
        let outcomes = all_at_once(CALLERS, |number| {
            // Each wants a different time, and all of them overlap.
            let start = 3600 + 60 * i64::try_from(number).unwrap();
            let (store, wanted) = (shop.store.clone(), wanted(&shop, &format!("caller-{number}"), start, start + 3600));
            async move { store.book(&wanted).await }
        })
        .await;
        let booked = outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(|booked| booked.is_new)).count();
        let taken = outcomes.iter().filter(|outcome| **outcome == Err(BookError::SlotTaken)).count();
        assert_eq!((booked, taken), (1, CALLERS - 1), "{outcomes:?}");
        assert_eq!(shop.store.busy_times(at(0), at(99_999), None).await.unwrap().len(), 1);
    }

    one_idempotency_key_books_once(test) {
        let shop = shop(&test).await;
        let outcomes = all_at_once(CALLERS, |_| {
            let (store, wanted) = (shop.store.clone(), wanted(&shop, "same", 3600, 7200));
            async move { store.book(&wanted).await }
        })
        .await;
        let ids: std::collections::BTreeSet<_> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().id).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_new).count(), 1);
        assert_eq!(shop.store.busy_times(at(0), at(99_999), None).await.unwrap().len(), 1);
    }

    one_idempotency_key_books_once_even_with_two_practitioners(test) {
        let shop = shop(&test).await;
        let other = NewPractitioner { name: "Dr. Okafor".to_owned(), ..twins::practitioner("note", vec![shop.service]) };
        let practitioners = [shop.practitioner, shop.store.put_practitioner(&other).await.unwrap()];
        let outcomes = all_at_once(CALLERS, |number| {
            let practitioner_id = practitioners[number % 2];
            let wanted = NewAppointment { practitioner_id, ..wanted(&shop, "same", 3600, 7200) };
            let store = shop.store.clone();
            async move { store.book(&wanted).await }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_new).count(), 1);
        assert_eq!(shop.store.busy_times(at(0), at(99_999), None).await.unwrap().len(), 1);
    }

    appointments_may_touch_and_may_not_overlap(test) {
        let shop = shop(&test).await;
        shop.store.book(&wanted(&shop, "middle", 3600, 7200)).await.unwrap();
        shop.store.book(&wanted(&shop, "before", 0, 3600)).await.unwrap();
        shop.store.book(&wanted(&shop, "after", 7200, 9000)).await.unwrap();
        for (start, end) in [(3599, 3601), (7199, 7201), (3600, 7200), (4000, 5000), (-100, 99_999)] {
            let refused = shop.store.book(&wanted(&shop, "x", start, end)).await;
            assert_eq!(refused, Err(BookError::SlotTaken), "{start} to {end}");
        }
        let backwards = shop.store.book(&wanted(&shop, "x", 20_000, 20_000)).await;
        assert_eq!(backwards, Err(BookError::EndsBeforeStart));
        assert_eq!(shop.store.busy_times(at(3600), at(7200), Some(shop.practitioner)).await.unwrap().len(), 1);
    }

    a_cancelled_time_is_free_again(test) {
        let shop = shop(&test).await;
        let first = shop.store.book(&wanted(&shop, "first", 3600, 7200)).await.unwrap();
        assert!(shop.store.cancel_appointment(first.id).await.unwrap());
        assert!(!shop.store.cancel_appointment(first.id).await.unwrap(), "cancelling twice does nothing");
        assert!(shop.store.book(&wanted(&shop, "second", 3600, 7200)).await.unwrap().is_new);
        let moved = shop.store.reschedule(first.id, shop.practitioner, at(9000), at(9900)).await;
        assert_eq!(moved, Err(RescheduleError::NotFound), "a cancelled appointment does not come back");
    }

    a_moved_appointment_meets_the_same_rule(test) {
        let shop = shop(&test).await;
        let first = shop.store.book(&wanted(&shop, "first", 3600, 7200)).await.unwrap().id;
        shop.store.book(&wanted(&shop, "second", 7200, 9000)).await.unwrap();
        let onto_the_other = shop.store.reschedule(first, shop.practitioner, at(7000), at(8000)).await;
        assert_eq!(onto_the_other, Err(RescheduleError::Book(BookError::SlotTaken)));
        shop.store.reschedule(first, shop.practitioner, at(3700), at(7100)).await.expect("it does not collide with itself");
        let listed = shop.store.list_appointments(&ListFilter::default()).await.unwrap();
        let moved = listed.iter().find(|appointment| appointment.id == first).unwrap();
        assert_eq!((moved.starts_at, moved.ends_at, moved.status), (at(3700), at(7100), AppointmentStatus::Booked));
    }

    a_booking_names_people_and_service_in_its_listing(test) {
        let shop = shop(&test).await;
        let call = shop.own_call;
        let wanted = NewAppointment { call_id: Some(call), ..wanted(&shop, "named", 3600, 7200) };
        let booked = shop.store.book(&wanted).await.unwrap();
        let listed = shop.store.list_appointments(&ListFilter::of_call(call)).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].id, listed[0].call_id), (booked.id, Some(call)));
        assert_eq!((listed[0].practitioner.as_str(), listed[0].service.as_str()), ("Dr. Lee", "Facial"));
        assert_eq!(listed[0].contact.as_ref().unwrap().expose(), twins::NAME);
    }
}
