// The examples of PROTOCOL.md and CLIENTS.md, each against a daemon of its own with the default times.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <sstream>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

struct Transcript {
  std::string paper;
  int line = 0;
  std::vector<std::string> lines;
};
void PrintTo(const Transcript& transcript, std::ostream* out) {
  *out << transcript.paper << ".md:" << transcript.line;
}

void ReadTranscripts(const std::string& paper, std::vector<Transcript>& transcripts) {
  std::istringstream file(ReadFile(REDLOCKD_TEST_SOURCE "/protocol/" + paper + ".md"));
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line == "```redlock") {
      inside = true;
      transcripts.push_back({paper, number, {}});
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      transcripts.back().lines.push_back(line);
    }
  }
}

std::vector<Transcript> ReadTranscripts() {
  std::vector<Transcript> transcripts;
  for (const char* paper : {"PROTOCOL", "CLIENTS"}) ReadTranscripts(paper, transcripts);
  return transcripts;
}

// One session of a transcript, in bytes as they come.
class Session {
 public:
  explicit Session(Fd fd) : fd_(std::move(fd)) {}

  void Send(std::string line) {
    line += '\n';
    ASSERT_EQ(send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(line.size()));
  }
  void HalfClose() { shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Close(); }
  // "(closed)" at the end.
  std::string ReadLine() {
    const Countdown countdown(kPatience);
    for (std::size_t end; (end = buffer_.find('\n')) == std::string::npos;) {
      if (!ReadSome(countdown)) return buffer_.empty() ? "(closed)" : "(closed in a line)";
    }
    const std::size_t end = buffer_.find('\n');
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
  }
  // What has come and was not asked for. The daemon answers in order, so that a ping's answer comes
  // behind it.
  std::string Rest() {
    if (!fd_ || closed_) return buffer_;
    Send("#rest ping");
    std::string rest;
    for (std::string line; !(line = ReadLine()).starts_with("#rest OK ");) {
      if (line == "(closed)") return rest + "closed without being asked to";
      rest += line + '\n';
    }
    return rest;
  }
  void ExpectClosed() { closed_ = true; }

 private:
  bool ReadSome(const Countdown& countdown) {
    if (!WaitReadable(fd_.get(), countdown)) throw std::runtime_error("no line in time");
    char bytes[4096];
    const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  Fd fd_;
  std::string buffer_;
  bool closed_ = false;
};

class TranscriptTest : public testing::TestWithParam<Transcript> {
 protected:
  static DaemonOptions DefaultTimes() {
    return {.ttl = "10s", .max_ttl = "60s", .fence_window = "10s"};
  }

  Session& SessionOf(const std::string& number, const std::string& first_line) {
    std::unique_ptr<Session>& session = sessions_[number];
    if (!session) {
      const Daemon& daemon = number == "@there" ? There() : world_.daemon;
      session = std::make_unique<Session>(ConnectTo(daemon.socket()));
      if (!first_line.starts_with("* HELLO")) session->ReadLine();
    }
    return *session;
  }

  // Of another host; hints reach both daemons.
  const Daemon& There() {
    DaemonOptions options = DefaultTimes();
    options.addresses = world_.nodes.Addresses();
    there_.emplace(options).WaitForNodes(world_.nodes.size());
    for (const Daemon* daemon : {&world_.daemon, &*there_}) {
      const std::string channel = "redlockd:to:" + Get(daemon->Connect().hello(), "boot");
      for (std::size_t i = 0; i < world_.nodes.size(); ++i) {
        EXPECT_TRUE(Eventually([&] {
          return world_.nodes[i].Command({"PUBSUB", "NUMSUB", channel}) == channel + "\n1";
        }));
      }
    }
    return *there_;
  }

  // Puts in the values that are known.
  std::string Fill(std::string line) const {
    for (const auto& [name, value] : values_) {
      for (std::size_t at; (at = line.find(name)) != std::string::npos;) {
        line.replace(at, name.size(), value);
      }
    }
    return line;
  }

  // Matches what came, and learns the values that stand in it.
  void Match(const std::string& pattern, const std::string& line) {
    const std::string filled = Fill(pattern);
    static const std::regex kName("<[a-z0-9]+>");
    std::string expression;
    std::vector<std::string> names;
    std::size_t from = 0;
    for (std::sregex_iterator it(filled.begin(), filled.end(), kName), end; it != end; ++it) {
      const auto at = static_cast<std::size_t>(it->position());
      const bool text = at > 0 && filled[at - 1] == ':' && at + it->length() == filled.size();
      expression += Quote(filled.substr(from, at - from)) + (text ? "(.+)" : "([^ ]+)");
      names.push_back(it->str());
      from = at + static_cast<std::size_t>(it->length());
    }
    expression += Quote(filled.substr(from));
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, std::regex(expression)))
        << "expected: " << pattern << "\nthat is:  " << filled << "\nfound:    " << line;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "<text>") continue;  // said of every text: it need not be the same
      const auto [known, is_new] = values_.emplace(names[i], match[i + 1].str());
      EXPECT_EQ(known->second, match[i + 1].str()) << names[i] << " differs within " << line;
    }
  }

  static std::string Quote(const std::string& text) {
    static const std::regex kSpecial(R"([.^$|()\[\]{}*+?\\])");
    return std::regex_replace(text, kSpecial, R"(\$&)");
  }

  World world_{3, DefaultTimes()};
  std::optional<Daemon> there_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::map<std::string, std::string> values_;
};

TEST_P(TranscriptTest, IsTrue) {
  static const std::regex kLine("([CS])([0-9]*|@there): (.*)");
  for (const std::string& line : GetParam().lines) {
    SCOPED_TRACE(line);
    std::smatch part;
    ASSERT_TRUE(std::regex_match(line, part, kLine)) << "no line of a transcript";
    const bool client = part[1] == "C";
    const std::string text = part[3];
    Session& session = SessionOf(part[2], client ? "" : text);
    if (!client) {
      Match(text, session.ReadLine());
      if (text == "(closed)") session.ExpectClosed();
    } else if (text == "(half-close)") {
      session.HalfClose();
    } else if (text == "(close)") {
      session.Close();
    } else {
      session.Send(Fill(text));
    }
    if (HasFatalFailure()) return;
  }
  for (auto& [number, session] : sessions_)
    EXPECT_EQ(session->Rest(), "") << "of session " << number;
}

INSTANTIATE_TEST_SUITE_P(OfLine, TranscriptTest, testing::ValuesIn(ReadTranscripts()),
                         [](const auto& info) {
                           return info.param.paper + std::to_string(info.param.line);
                         });

TEST(Transcripts, AreThere) { EXPECT_GE(ReadTranscripts().size(), 10u); }

}  // namespace
}  // namespace redlockd::test
