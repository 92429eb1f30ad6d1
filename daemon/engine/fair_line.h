#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "base/check.h"

namespace redlockd::engine {

// A line in which users take turns: what one user has in it waits in the order in which it came,
// and of two users with something in it each gets every other turn, however much the other has. A
// user can be held back: then it gets none. All of it takes constant time.
template <typename T>
class FairLine {
  struct User {
    std::uint32_t uid;
    bool held_back = false;
    std::list<T*> waiting{};  // never empty
  };
  using Users = std::list<User>;

 public:
  // A place in the line, for as long as it lives.
  class Place {
   public:
    Place(FairLine& line, std::uint32_t uid, T& who) : line_(line), user_(line.Find(uid)) {
      at_ = user_->waiting.insert(user_->waiting.end(), &who);
    }
    ~Place() {
      user_->waiting.erase(at_);
      if (user_->waiting.empty()) line_.Forget(user_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    std::uint32_t uid() const { return user_->uid; }
    // It was first and leaves now: the next turn is another user's.
    void HadTurn() {
      if (user_->held_back) return;
      CHECK(user_ == line_.users_.begin());
      line_.Move(user_, line_.users_, line_.users_);
    }

   private:
    FairLine& line_;
    typename Users::iterator user_;
    typename std::list<T*>::iterator at_;
  };

  // Whose turn it is; none if nobody waits that may have one.
  T* First() const { return users_.empty() ? nullptr : users_.front().waiting.front(); }

  // This is forgotten when the user has nothing in the line.
  void HoldBack(std::uint32_t uid) { SetHeldBack(uid, true); }
  void LetGo(std::uint32_t uid) { SetHeldBack(uid, false); }

 private:
  void SetHeldBack(std::uint32_t uid, bool to) {
    const auto known = by_uid_.find(uid);
    if (known == by_uid_.end() || known->second->held_back == to) return;
    known->second->held_back = to;
    to ? Move(known->second, users_, held_back_) : Move(known->second, held_back_, users_);
  }
  // To the end of it.
  void Move(typename Users::iterator user, Users& from, Users& to) {
    to.splice(to.end(), from, user);
  }
  typename Users::iterator Find(std::uint32_t uid) {
    const auto known = by_uid_.find(uid);
    if (known != by_uid_.end()) return known->second;
    const auto user = users_.insert(users_.end(), User{uid});
    by_uid_.emplace(uid, user);
    return user;
  }
  void Forget(typename Users::iterator user) {
    by_uid_.erase(user->uid);
    (user->held_back ? held_back_ : users_).erase(user);
  }

  Users users_;  // in the order of their turns
  Users held_back_;
  std::unordered_map<std::uint32_t, typename Users::iterator> by_uid_;
};

}  // namespace redlockd::engine
