#include "hone/task/command_tree.h"

#include "../program.h"

namespace hone::task {
namespace {

TEST(CommandTree, CountsTheKernelsKillsWhereItTellsThem) {
  const test::Folder root;
  const auto write = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root.file(path)).parent_path());
    root.write(path, text);
  };
  EXPECT_EQ(kernel_memory_kills(root.path()), -1) << "nothing is told";
  write("proc/vmstat", "nr_free_pages 1\noom_kill 7\n");
  EXPECT_EQ(kernel_memory_kills(root.path()), 7);
  write("proc/self/cgroup", "9:cpu,cpuacct:/c\n4:memory:/m\n");
  write("sys/fs/cgroup/memory/m/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_EQ(kernel_memory_kills(root.path()), 2) << "version 1";
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.events", "low 0\nmax 4\noom 1\noom_kill 3\noom_group_kill 9\n");
  EXPECT_EQ(kernel_memory_kills(root.path()), 3) << "version 2";
}

TEST(CommandTree, SumsOverDescendants) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::execl("/bin/sh", "sh", "-c", "sh -c 'sleep 100; true' & sleep 100; true", nullptr);
    ::_exit(1);
  }
  ::setpgid(child, child);
  EXPECT_TRUE(test::wait_until([&] { return tree_memory(child).processes == 3; }));
  const TreeMemory memory = tree_memory(child);
  EXPECT_GT(memory.resident_bytes, 1e5);
  EXPECT_LE(memory.largest_bytes, memory.resident_bytes + 5e6);
  EXPECT_GT(tree_proportional_bytes(child), 0.0);
  EXPECT_LE(tree_proportional_bytes(child), memory.resident_bytes);
  ::kill(-child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(tree_memory(child).processes, 0);
}

}  // namespace
}  // namespace hone::task
