#include "mount.hh"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "../beneath.hh"

extern char** environ;

namespace ferry::fuse {
namespace {

int MountAsRoot(const MountOptions& options) {
  Descriptor device = Descriptor::Owned(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device.ok()) return -errno;
  const std::string text = "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=" + std::to_string(getuid()) +
                           ",group_id=" + std::to_string(getgid()) + ",default_permissions" +
                           (options.allowsOthers ? ",allow_other" : "");
  if (mount(options.source.c_str(), options.mountPoint.c_str(), "fuse.ferry", MS_NOSUID | MS_NODEV, text.c_str()) != 0)
    return -errno;
  return device.Release();
}

/** Takes the descriptor that fusermount3 sends through the socket. */
int ReceiveDescriptor(int socket) {
  char byte = 0;
  struct iovec part = {&byte, 1};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (got == 0 || head == nullptr || head->cmsg_type != SCM_RIGHTS) return -EPERM;
  int fd;
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

/** Starts fusermount3 with one end of a socket as its descriptor 3. Returns its process, or a negative errno. */
int StartMounting(const MountOptions& options, int socket) {
  constexpr int kGiven = 3;
  // A duplicate onto itself would stay close-on-exec.
  const Descriptor moved = Descriptor::Owned(fcntl(socket, F_DUPFD_CLOEXEC, kGiven + 1));
  if (!moved.ok()) return -errno;
  std::string program = "fusermount3", flag = "-o", end = "--", where = options.mountPoint;
  std::string text = "nosuid,nodev,default_permissions,subtype=ferry,fsname=" + options.source +
                     (options.allowsOthers ? ",allow_other" : "");
  char* const arguments[] = {program.data(), flag.data(), text.data(), end.data(), where.data(), nullptr};
  std::string channel = "_FUSE_COMMFD=" + std::to_string(kGiven);
  std::vector<char*> environment;
  for (char** each = environ; *each != nullptr; each++)
    if (std::strncmp(*each, "_FUSE_COMMFD=", 13) != 0) environment.push_back(*each);
  environment.push_back(channel.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, moved.get(), kGiven);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  return failed != 0 ? -failed : child;
}

int MountAsUser(const MountOptions& options) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  const Descriptor ours = Descriptor::Owned(pair[0]);
  int child;
  {
    // The other end is only the child's: when it ends without a descriptor, the reading ends too.
    const Descriptor theirs = Descriptor::Owned(pair[1]);
    child = StartMounting(options, theirs.get());
  }
  if (child < 0) return child;
  const int fd = ReceiveDescriptor(ours.get());
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  return fd;
}

}  // namespace

int Mount(const MountOptions& options) { return geteuid() == 0 ? MountAsRoot(options) : MountAsUser(options); }

}  // namespace ferry::fuse
