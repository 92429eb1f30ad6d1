#include "daemon/session/under_way.h"

#include <utility>

#include "base/check.h"

namespace redlockd::session {

void UnderWay::Add(Request request) {
  if (request.is_wait) ++waits_;
  if (request.tag.empty()) {
    CHECK(!untagged_);
    untagged_ = std::move(request);
  } else {
    const engine::RequestId id = request.id;
    CHECK(tags_.emplace(request.tag, id).second);
    tagged_.emplace(id, std::move(request));
  }
}

void UnderWay::Remove(engine::RequestId id) {
  const Request* request = Find(id);
  CHECK(request != nullptr);
  if (request->is_wait) --waits_;
  if (request->tag.empty()) {
    untagged_.reset();
  } else {
    tags_.erase(request->tag);
    tagged_.erase(id);
  }
}

std::map<engine::RequestId, UnderWay::Request> UnderWay::TakeAll() {
  auto all = std::exchange(tagged_, {});
  if (untagged_) {
    const engine::RequestId id = untagged_->id;
    all.emplace(id, *std::exchange(untagged_, std::nullopt));
  }
  tags_.clear();
  waits_ = 0;
  return all;
}

const UnderWay::Request* UnderWay::Find(engine::RequestId id) const {
  if (untagged_ && untagged_->id == id) return &*untagged_;
  const auto found = tagged_.find(id);
  return found == tagged_.end() ? nullptr : &found->second;
}

const UnderWay::Request* UnderWay::FindTag(const std::string& tag) const {
  const auto found = tags_.find(tag);
  return found == tags_.end() ? nullptr : &tagged_.at(found->second);
}

}  // namespace redlockd::session
