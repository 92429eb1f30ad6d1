#include "tests/faults/run.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "tests/faults/fleet.h"
#include "tests/faults/pulse.h"
#include "tests/faults/sigterm.h"
#include "tests/faults/store.h"
#include "tests/faults/world.h"

namespace redlockd::test::faults {
namespace {

// What is to be done, and when: the begin and the end of each fault.
struct Action {
  Duration at;
  const Fault* fault;
  bool begin;
};

std::vector<Action> ActionsOf(const std::vector<Fault>& schedule) {
  std::vector<Action> actions;
  for (const Fault& fault : schedule) {
    actions.push_back({fault.begin, &fault, true});
    actions.push_back({fault.end, &fault, false});
  }
  std::stable_sort(actions.begin(), actions.end(),
                   [](const Action& a, const Action& b) { return a.at < b.at; });
  return actions;
}

class Director {
 public:
  Director(World& world, Fleet& fleet, const Store& store, const Journal& journal)
      : world_(world), fleet_(fleet), store_(store), journal_(journal) {}

  // An action that takes long, or comes late, puts off all that follow: what is to be apart stays
  // apart. When we are asked to stop nothing more begins, and what has begun ends.
  void Perform(const std::vector<Fault>& schedule) {
    std::set<const Fault*> begun;
    Duration offset = BootTime();
    for (const Action& action : ActionsOf(schedule)) {
      const Duration due = offset + action.at;
      WaitUntil(due);
      if (action.begin && !Stopping()) begun.insert(action.fault);
      if (begun.contains(action.fault)) Do(action);
      offset += BootTime() - due;
    }
  }
  // Lets it all go on until there were so many more grants, or that takes too long.
  void GoOn(std::uint64_t grants) {
    const std::uint64_t enough = store_.grants() + grants;
    const Countdown countdown(kPatience);
    while (store_.grants() < enough && !countdown.over()) Tick();
    if (store_.grants() < enough) journal_.Note("problem", {}, "hardly any locks after healing");
  }

 private:
  void WaitUntil(Duration due) {
    while (BootTime() < due && !Stopping()) Tick();
  }
  void Tick() {
    world_.Tick();
    poll(nullptr, 0, 5);
    if (BootTime() < next_progress_) return;
    next_progress_ = BootTime() + 10s;
    std::printf("%6.0f s: %zu faults, %llu grants\n",
                static_cast<double>(journal_.Now() / 1ms) / 1e3, count_,
                static_cast<unsigned long long>(store_.grants()));
    std::fflush(stdout);
  }

  void Do(const Action& action) {
    const Fault& fault = *action.fault;
    const bool at_once = fault.begin == fault.end;
    if (at_once && !action.begin) return;
    count_ += action.begin ? 1 : 0;
    Fields fields = Describe(fault);
    if (at_once) fields.emplace_back("once", "1");
    // Stamped before it begins and after it has ended, so that the history's fault is the longer.
    if (action.begin) journal_.NoteOf(WhoOf(fault), journal_.Now(), "fault", fields);
    const auto change = [&](auto& part) { action.begin ? part.Begin(fault) : part.End(fault); };
    if (IsOfNode(fault.kind) || IsOfLinks(fault.kind) || IsOfDaemon(fault.kind)) {
      change(world_);
    } else {
      change(fleet_);
    }
    if (!action.begin || at_once) {
      journal_.NoteOf(WhoOf(fault), journal_.Now(), "over", std::move(fields));
    }
  }

  std::string WhoOf(const Fault& fault) const {
    const std::string number = std::to_string(fault.target + 1);
    if (IsOfNode(fault.kind)) return "node" + number;
    if (IsOfDaemon(fault.kind)) return 'd' + number;
    return IsOfLinks(fault.kind) ? "links" : fleet_.NameOf(fault.target);
  }

  static Fields Describe(const Fault& fault) {
    Fields fields = {{"kind", std::string(Name(fault.kind))}};
    std::string links;
    for (const Link& link : fault.links) {
      links += (links.empty() ? "d" : ",d") + std::to_string(link.daemon + 1) + "-node" +
               std::to_string(link.node + 1);
    }
    if (!links.empty()) fields.emplace_back("links", links);
    if (fault.amount != Duration::zero()) fields.emplace_back("by", ToText(fault.amount));
    return fields;
  }

  World& world_;
  Fleet& fleet_;
  const Store& store_;
  const Journal& journal_;
  std::size_t count_ = 0;
  Duration next_progress_ = BootTime() + 10s;
};

// Whatever a client or a server has started and not ended is this process's child by now.
void ExpectNoProcessLeft(const Journal& journal) {
  const bool none = Eventually([] {
    pid_t reaped;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    return reaped < 0;
  });
  if (!none) journal.Note("problem", {}, "processes are left");
}

}  // namespace

std::vector<Event> Run(const Plan& plan, const std::string& program, const std::string& directory) {
  const std::string journals = directory + "/journals", store_file = directory + "/store";
  // Of a run that was killed.
  std::filesystem::remove_all(journals);
  std::filesystem::remove(store_file);
  std::filesystem::create_directories(journals);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  HeedSigterm();
  const Journal journal(journals + "/run", "run", BootTime());
  {
    World world(plan, journal);
    const Pulse pulse(journal);
    const Store store(store_file);
    Fleet fleet(world, program, journals, store_file, journal, plan.seed);
    Director director(world, fleet, store, journal);
    journal.Note("begin");
    const std::vector<Fault> schedule = MakeSchedule(plan);
    director.Perform(schedule);
    journal.Note("healed");
    world.ExpectAllNodesVote();
    director.GoOn(5 * plan.clients);
    fleet.Stop();
    world.ExpectLocksCanBeHad();
    world.ExpectNothingIsHeld();
    world.StopDaemons();
    world.SaveLogs(directory);
    journal.Note("end");
  }
  ExpectNoProcessLeft(journal);
  std::vector<Event> history = ReadJournals(journals);
  WriteHistory(directory + "/history", history);
  std::filesystem::remove_all(journals);
  std::filesystem::remove(store_file);
  return history;
}

}  // namespace redlockd::test::faults
