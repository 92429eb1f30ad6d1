#include "daemon/session/answers.h"

#include <algorithm>

#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"
#include "daemon/session/words.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

// One overload for each kind of answer.
struct Writer {
  Session& session;
  const std::string& tag;
  const std::string& subject;
  const SharedPage::Places& places;
  std::string& out = session.out();

  ReplyLine Ok() const { return ReplyLine::Ok(out, tag); }
  ReplyLine Row() const { return ReplyLine::Row(out, tag); }
  engine::Time Now() const { return session.room().port().Now(); }

  void operator()(const engine::Granted& granted) const {
    if (granted.also.empty()) return AddGrant(Ok(), granted, granted.nodes);
    AddGrant(Row(), granted, granted.nodes);
    engine::Time earliest = granted.deadline;
    for (std::size_t i = 0; i < granted.also.size(); ++i) {
      const auto& other = granted.also[i];
      AddGrant(Row(), other, granted.nodes, 1 + i);
      earliest = std::min(earliest, other.deadline);
    }
    auto ok = Ok();
    ok.Add("names", 1 + granted.also.size());
    AddDeadline(ok, earliest, Now());
  }
  // Of one of the locks that were granted together.
  void AddGrant(ReplyLine&& line, const auto& grant, std::size_t nodes,
                std::size_t which = 0) const {
    line.Add("lock", grant.name);
    if constexpr (requires { grant.mode; }) {
      if (grant.mode == engine::Mode::kShared) line.Add("mode", "shared");
    }
    line.Add("fence", grant.fence);
    AddDeadline(line, grant.deadline, Now())
        .Add("ttl", grant.ttl)
        .Add("votes", std::to_string(grant.votes) + "/" + std::to_string(nodes));
    if (which < places.size() && places[which]) {
      line.Add("slot", places[which]->slot).Add("use", places[which]->use);
    }
  }
  void operator()(const engine::Released& released) const {
    if (released.also.empty()) return AddRelease(Ok(), released);
    AddRelease(Row(), released);
    for (const auto& other : released.also) AddRelease(Row(), other);
    Ok().Add("names", 1 + released.also.size());
  }
  static void AddRelease(ReplyLine&& line, const auto& released) {
    line.Add("lock", released.name).Add("fence", released.fence);
    if (released.kept > engine::Duration(0)) line.Add("kept", InMilliseconds(released.kept));
  }
  void operator()(const engine::Checked& checked) const {
    auto ok = Ok();
    ok.Add("lock", checked.name).Add("fence", checked.fence);
    AddDeadline(ok, checked.deadline, Now());
  }
  void operator()(const engine::Done&) const { Ok(); }
  void operator()(const engine::WaitCancelled&) const { Ok().Add("tag", subject); }
  void operator()(const engine::Broken& broken) const {
    Ok().Add("lock", broken.name).Add("left", InMillisecondsUp(broken.left));
  }
  void operator()(const engine::Shown& shown) const { WriteShown(session, tag, shown); }
  void operator()(const engine::NodesSet& set) const {
    for (const engine::NodeWord& word : set.nodes) {
      if (word.answer && word.answer->verdict == engine::Verdict::kOk) continue;
      ReplyLine::Err(out, tag, ErrorCode::kNoQuorum).Text(WhyNotAll(word));
      return;
    }
    Ok().Add("nodes", set.nodes.size());
  }
  void operator()(const engine::Failed& failed) const {
    const FailureWord word = WordOf(failed.failure);
    auto line = ReplyLine::Err(out, tag, word.code);
    if (failed.failure == engine::Failure::kNoSuchWait) line.Add("tag", subject);
    if (failed.failure == engine::Failure::kRefused) line.Add("reason", "in-use");
    if (failed.failure == engine::Failure::kNothingDiffers) line.Add("reason", "nothing-differs");
    if (!failed.name.empty()) line.Add("lock", failed.name);
    if (failed.fence != 0) line.Add("fence", failed.fence);
    if (failed.reason != engine::LossReason::kNone) line.Add("reason", WordOf(failed.reason));
    if (!failed.cycle.empty()) {
      line.Text(WhyDeadlock(session, failed.cycle));
    } else {
      line.Text(failed.text.empty() ? word.text : failed.text);
    }
  }

  std::string WhyNotAll(const engine::NodeWord& word) const {
    const std::string node = "all nodes must take it, but node " + std::to_string(word.node + 1) +
                             " (" + session.room().options().node_addresses.at(word.node) + ")";
    if (!word.answer) return node + " did not answer";
    return node + " refused" + (word.answer->text.empty() ? "" : ": " + word.answer->text);
  }
};

}  // namespace

void WriteAnswer(Session& session, const std::string& tag, const std::string& subject,
                 const engine::Answer& answer, const SharedPage::Places& places) {
  std::visit(Writer{session, tag, subject, places}, answer);
}

void WriteNotice(std::string& out, const engine::Notice& notice, std::string_view owner,
                 engine::Time now) {
  using Kind = engine::Notice::Kind;
  auto line = ReplyLine::Event(out, WordOf(notice.kind));
  if (notice.kind == Kind::kDraining) {
    line.Add("within", InMilliseconds(notice.deadline - now));
    return;
  }
  line.Add("lock", notice.name);
  if (!owner.empty()) line.Add("as", owner);
  line.Add("fence", notice.fence);
  if (notice.kind == Kind::kLost) {
    line.Add("reason", WordOf(notice.reason));
  } else if (notice.kind == Kind::kWanted) {
    line.Add("by", WordOf(notice.by));
  } else {
    AddDeadline(line, notice.deadline, now);
  }
  if (!notice.text.empty()) line.Text(notice.text);
}

void WriteWatch(std::string& out, const engine::WatchNotice& notice) {
  using What = engine::WatchNotice::What;
  auto line = ReplyLine::Event(out, "WATCH");
  line.Add("lock", notice.name).Add("what", WordOf(notice.what));
  if (notice.fence != 0) line.Add("fence", notice.fence);
  const std::string_view why_ended = WhyEnded(notice);
  if (notice.what == What::kGranted || !why_ended.empty()) {
    line.Add("pid", notice.pid).Add("uid", notice.uid);
  }
  if (!why_ended.empty()) line.Add("reason", why_ended);
  if (notice.what == What::kWanted) line.Add("by", WordOf(notice.by));
}

}  // namespace redlockd::session
