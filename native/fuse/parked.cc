// Requests that wait for content: they are put aside, and carried out, interrupted or given up later.
#include <algorithm>
#include <cerrno>
#include <chrono>

#include "session.hh"

namespace ferry::fuse {
namespace {

constexpr auto kDeadlineLook = std::chrono::milliseconds(500);

}  // namespace

void Session::Park(const Request& request, const Node* node, uint64_t offset, uint64_t length, bool needsAll) {
  Parked parked;
  parked.message.assign(reinterpret_cast<const char*>(request.head), sizeof *request.head);
  parked.message.append(request.body);
  parked.fd = request.fd;
  parked.unique = request.head->unique;
  parked.id = node->id;
  parked.offset = offset;
  parked.length = std::min(length, node->size - offset);
  parked.needsAll = needsAll;
  parked.sinceNs = SteadyNs();
  const uint64_t wanted = parked.length;
  {
    const std::lock_guard<std::mutex> guard(parkedMutex_);
    for (const uint64_t unique : interrupted_)
      if (unique == parked.unique) return ReplyError(request, -EINTR);
    parked_.push_back(std::move(parked));
  }
  drive_.outside()->Missing(node->id, offset, wanted, request.head->pid, needsAll);
}

bool Session::IsHere(const Parked& parked) {
  const Node* node = drive_.tree().Get(parked.id);
  if (node == nullptr || node->isWhole()) return true;
  return !parked.needsAll && node->file != nullptr && node->file->present.Covers(parked.offset, parked.length, node->size);
}

void Session::Arrived(uint64_t id) {
  {
    const std::lock_guard<std::mutex> guard(parkedMutex_);
    for (size_t at = 0; at < parked_.size();) {
      if (parked_[at].id != id || !IsHere(parked_[at])) {
        at++;
        continue;
      }
      ready_.push_back(std::move(parked_[at]));
      parked_.erase(parked_.begin() + static_cast<ptrdiff_t>(at));
    }
    if (ready_.empty()) return;
  }
  parkedChanged_.notify_one();
}

bool Session::IsAwaited(uint64_t id) const {
  const std::lock_guard<std::mutex> guard(parkedMutex_);
  return std::any_of(parked_.begin(), parked_.end(), [id](const Parked& each) { return each.id == id; });
}

void Session::Settled(uint64_t id, uint64_t offset, uint64_t length) {
  std::vector<Asked> again;
  {
    const Shared lock(drive_.mutex());
    Arrived(id);
    const std::lock_guard<std::mutex> guard(parkedMutex_);
    for (const Parked& each : parked_) {
      if (each.id != id || each.offset != offset || each.length != length) continue;
      const auto* head = reinterpret_cast<const fuse_in_header*>(each.message.data());
      again.push_back({head->pid, each.needsAll});
    }
  }
  for (const Asked& each : again) drive_.outside()->Missing(id, offset, length, each.pid, each.needsAll);
}

void Session::Failed(uint64_t id, uint64_t offset, uint64_t length, int failure) {
  const std::lock_guard<std::mutex> guard(parkedMutex_);
  for (size_t at = 0; at < parked_.size();) {
    const Parked& each = parked_[at];
    const bool isMeant = each.id == id && each.offset < offset + length && offset < each.offset + each.length;
    if (!isMeant) {
      at++;
      continue;
    }
    Answer(each.fd, each.unique, failure, nullptr, 0);
    parked_.erase(parked_.begin() + static_cast<ptrdiff_t>(at));
  }
}

uint64_t Session::fetching() const {
  const std::lock_guard<std::mutex> guard(parkedMutex_);
  return parked_.size();
}

void Session::Interrupt(const Request& request) {
  const uint64_t unique = request.As<fuse_interrupt_in>().unique;
  const std::lock_guard<std::mutex> guard(parkedMutex_);
  for (size_t at = 0; at < parked_.size(); at++) {
    if (parked_[at].unique != unique) continue;
    Answer(parked_[at].fd, unique, -EINTR, nullptr, 0);
    parked_.erase(parked_.begin() + static_cast<ptrdiff_t>(at));
    return;
  }
  // It may be on its way to being put aside.
  interrupted_[nextInterrupted_++ % interrupted_.size()] = unique;
}

/** Carries out requests whose content has come, and ends those for which none comes. */
void Session::AnswerLate() {
  std::vector<char> reply(kReplyBytes);
  auto lookedAt = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> guard(parkedMutex_);
  while (!isEnding_) {
    if (ready_.empty()) parkedChanged_.wait_for(guard, kDeadlineLook);
    while (!ready_.empty()) {
      const Parked next = std::move(ready_.front());
      ready_.pop_front();
      guard.unlock();
      const auto* head = reinterpret_cast<const fuse_in_header*>(next.message.data());
      Carry({head, std::string_view(next.message).substr(sizeof *head), next.fd, reply.data(), 0});
      guard.lock();
    }
    // The drive's lock comes before this one.
    guard.unlock();
    if (std::chrono::steady_clock::now() - lookedAt >= kDeadlineLook) {
      drive_.LookAtMapped();
      lookedAt = std::chrono::steady_clock::now();
    }
    guard.lock();
    if (parked_.empty()) continue;
    guard.unlock();
    {
      const Shared lock(drive_.mutex());
      const std::lock_guard<std::mutex> again(parkedMutex_);
      const int64_t late = SteadyNs() - drive_.options().deadlineNs;
      for (size_t at = 0; at < parked_.size();) {
        const Node* node = drive_.tree().Get(parked_[at].id);
        const int64_t progress = node != nullptr && node->file != nullptr ? node->file->progressAtNs : 0;
        if (std::max(parked_[at].sinceNs, progress) > late) {
          at++;
          continue;
        }
        Answer(parked_[at].fd, parked_[at].unique, -ETIMEDOUT, nullptr, 0);
        parked_.erase(parked_.begin() + static_cast<ptrdiff_t>(at));
      }
    }
    guard.lock();
  }
}

}  // namespace ferry::fuse
