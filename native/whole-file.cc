#include "whole-file.hh"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.hh"

namespace ferry {

namespace {

int WriteAll(int fd, const std::string& content) {
  for (size_t at = 0; at < content.size();) {
    const ssize_t written = write(fd, content.data() + at, content.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    at += static_cast<size_t>(written);
  }
  return 0;
}

int Finish(int fd, const NewFile& file, struct statx* stat) {
  const int failed = WriteAll(fd, file.content);
  if (failed != 0) return failed;
  if (fchmod(fd, file.mode) != 0) return -errno;
  const struct timespec times[] = {file.time, file.time};
  if (file.setsTime && futimens(fd, times) != 0) return -errno;
  return StatAt(fd, "", stat);
}

}  // namespace

struct timespec Timespec(int64_t ns) {
  int64_t seconds = ns / INT64_C(1000000000);
  int64_t rest = ns % INT64_C(1000000000);
  if (rest < 0) {
    rest += INT64_C(1000000000);
    seconds--;
  }
  struct timespec time = {};
  time.tv_sec = seconds;
  time.tv_nsec = rest;
  return time;
}

int CreateWholeFile(int root, const std::string& path, const NewFile& file, Words* out) {
  const Place place = ParentOf(root, path);
  if (!place.directory.ok()) return place.directory.get();
  const Descriptor created =
      Descriptor::Owned(OpenBeneath(place.directory.get(), place.name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (!created.ok()) return created.get();
  struct statx stat = {};
  const int failed = Finish(created.get(), file, &stat);
  if (failed != 0) unlinkat(place.directory.get(), place.name.c_str(), 0);
  else PackStat(stat, out);
  return failed;
}

int ReadWholeFile(int root, const std::string& path, uint64_t maxBytes, Words* out) {
  const Descriptor file = Descriptor::Owned(OpenBeneath(root, path, O_RDONLY | O_NONBLOCK, 0));
  if (!file.ok()) return file.get();
  struct statx before = {}, after = {};
  int failed = StatAt(file.get(), "", &before);
  if (failed != 0) return failed;
  const bool isRead = S_ISREG(before.stx_mode) && before.stx_size <= maxBytes;
  std::string content(isRead ? before.stx_size : 0, '\0');
  size_t length = 0;
  while (length < content.size()) {
    const ssize_t got = pread(file.get(), content.data() + length, content.size() - length, length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  failed = StatAt(file.get(), "", &after);
  if (failed != 0) return failed;
  PackStat(before, out);
  PackStat(after, out);
  out->push_back(isRead ? static_cast<uint64_t>(length) : ~UINT64_C(0));
  const size_t start = out->size();
  out->resize(start + (length + 7) / 8, 0);
  if (length > 0) std::memcpy(out->data() + start, content.data(), length);
  return 0;
}

}  // namespace ferry
