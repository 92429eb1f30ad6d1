#pragma once

#include "daemon/state/codec.h"

// The fields of each record in their order: written and read by the same list. Add at the end of a
// list only (codec.h).
namespace redlockd::state {

template <class A>
void Fields(A& a, engine::record::Clock& r) {
  a(r.low, r.high, r.at);
}
template <class A>
void Fields(A& a, engine::record::Node& r) {
  a(r.run_id, r.policy, r.evicted_keys, r.id, r.set, r.count, r.counted, r.suspected,
    r.doubted_until, r.clock);
}
template <class A>
void Fields(A& a, engine::record::Loss& r) {
  a(r.holder, r.lock, r.fence, r.reason);
}
template <class A>
void Fields(A& a, engine::record::Session& r) {
  a(r.id, r.uid, r.pid, r.within, r.input_ended, r.watches, r.losses);
}
template <class A>
void Fields(A& a, engine::record::Part& r) {
  a(r.lock, r.fence, r.kept, r.has_failed, r.text);
}
template <class A>
void Fields(A& a, engine::record::Joint& r) {
  a(r.locks, r.parts);
}
template <class A>
void Fields(A& a, engine::record::Want& r) {
  a(r.stamp, r.greatest, r.entries);
}
template <class A>
void Fields(A& a, engine::record::Asker& r) {
  a(r.session, r.request, r.fence, r.joint);
}
template <class A>
void Fields(A& a, engine::record::Lease& r) {
  a(r.attempt, r.ttl, r.longest_ttl, r.may_have, r.broken, r.promises, r.announced, r.next, r.last,
    r.since, r.wanted, r.queued_for, r.owes_cooldown, r.shared, r.owed);
}
template <class A>
void Fields(A& a, engine::record::Hold& r) {
  a(r.session, r.task_number, r.task_session, r.fence, r.note, r.granted, r.deadline, r.ends_at,
    r.kept_until, r.renewed_events, r.wanted_events, r.jeopardy, r.audited, r.moved_back);
}
template <class A>
void Fields(A& a, engine::record::Kept& r) {
  a(r.uid, r.fence, r.until, r.secured, r.asker);
}
template <class A>
void Fields(A& a, engine::record::Wait& r) {
  a(r.session, r.request, r.since, r.until, r.is_try, r.ttl, r.max_hold, r.min_hold, r.note,
    r.renewed_events, r.wanted_events, r.task_number, r.task_session, r.for_holder, r.asked,
    r.out_of_time, r.shared);
}
template <class A>
void Fields(A& a, engine::record::Lock& r) {
  a(r.name, r.lease, r.hold, r.kept, r.known_fence, r.want, r.cooldown, r.owes_cooldown,
    r.was_wanted, r.waits, r.others);
}
template <class A>
void Fields(A& a, engine::record::Release& r) {
  a(r.attempt, r.lock, r.leave, r.nodes, r.gone_by, r.asker, r.is_news);
}
template <class A>
void Fields(A& a, engine::record::Query& r) {
  a(r.kind, r.session, r.request, r.name, r.owner, r.at_once);
}
template <class A>
void Fields(A& a, engine::record::Set& r) {
  a(r.number, r.names, r.wait, r.want);
}
template <class A>
void Fields(A& a, engine::record::Allowed& r) {
  a(r.uid, r.prefix, r.full_at);
}
template <class A>
void Fields(A& a, engine::record::Names& r) {
  a(r.seed, r.bits, r.capacity, r.added, r.ends, r.users);
}
template <class A>
void Fields(A& a, engine::State& r) {
  a(r.instance, r.last_attempt, r.saved, r.nodes, r.sessions, r.locks, r.releases, r.queries,
    r.sets, r.last_set, r.last_set_stamp, r.names, r.quotas);
}

template <class A>
void Fields(A& a, session::record::Request& r) {
  a(r.id, r.tag, r.subject, r.is_wait, r.asker, r.also, r.on_page, r.tells_renewals);
}
template <class A>
void Fields(A& a, session::record::Owner& r) {
  a(r.id, r.name, r.idle);
}
template <class A>
void Fields(A& a, session::record::Line& r) {
  a(r.text, r.is_error, r.code, r.tag);
}
template <class A>
void Fields(A& a, session::record::Listing& r) {
  a(r.request, r.tag, r.next_name, r.next_place, r.holds, r.waits, r.next_hold);
}
template <class A>
void Fields(A& a, session::record::PageHold& r) {
  a(r.holder, r.lock, r.fence, r.slot, r.tells_renewals);
}
template <class A>
void Fields(A& a, session::record::Page& r) {
  a(r.holds, r.last_use, r.sent_with);
}
template <class A>
void Fields(A& a, session::record::Client& r) {
  a(r.id, r.pid, r.uid, r.groups, r.admin, r.command, r.input, r.drops_line, r.output, r.leaving,
    r.first_line, r.input_ended, r.reported_input_end, r.last_request, r.requests, r.owners,
    r.queue, r.listings, r.unread_watches, r.missed_watches, r.page);
}
template <class A>
void Fields(A& a, session::State& r) {
  a(r.last_id, r.clients);
}

template <class A>
void Fields(A& a, Image& r) {
  a(r.terms, r.engine, r.sessions);
}

}  // namespace redlockd::state
