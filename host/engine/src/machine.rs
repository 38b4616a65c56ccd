//! The memory that a node can hope for: the machine's, or less if a control group says so.

use std::fs;
use std::path::{Path, PathBuf};

/// In bytes.
pub(crate) fn machine_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: Option<u64> = total.and_then(|total| total.trim().trim_end_matches(" kB").parse().ok());
    let machine = kib.map_or(u64::MAX, |kib| kib << 10);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let limits = limit_files(&groups, &mounts);
    // `max`, and what the first version writes for no limit, are more than any machine has.
    let limits = limits.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    limits.fold(machine, u64::min)
}

/// The files with the limits of this process's control group and of all above it, wherever they are mounted.
fn limit_files(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for mount in mounts.lines().filter_map(Mount::parse) {
        let file = if mount.controls_all() { "memory.max" } else { "memory.limit_in_bytes" };
        let Some(group) = groups.lines().find_map(|line| mount.group(line)) else { continue };
        // A container may see only a part of the tree, whose root is the group that it is in.
        let below = Path::new(group).strip_prefix(mount.root).unwrap_or(Path::new(""));
        let folders = below.ancestors().map(|folder| Path::new(mount.point).join(folder));
        files.extend(folders.map(|folder| folder.join(file)));
    }
    files
}

/// A mounted tree of control groups that limits memory.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    /// A line of `mountinfo`: its fourth and fifth word are root and place, and the kind comes after a dash.
    fn parse(line: &'a str) -> Option<Self> {
        let (place, rest) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut rest = rest.split(' ');
        let (kind, options) = (rest.next()?, rest.nth(1).unwrap_or_default());
        let limits =
            kind == "cgroup2" || kind == "cgroup" && options.split(',').any(|option| option == "memory");
        limits.then_some(Self { root, point, kind })
    }

    /// The second version has one tree for everything.
    fn controls_all(&self) -> bool {
        self.kind == "cgroup2"
    }

    /// The group that a line of `/proc/self/cgroup` names in this tree.
    fn group(&self, line: &'a str) -> Option<&'a str> {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let of_this = if self.controls_all() {
            controllers.is_empty()
        } else {
            controllers.split(',').any(|controller| controller == "memory")
        };
        of_this.then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(groups: &str, mounts: &str) -> Vec<String> {
        limit_files(groups, mounts).iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn the_limits_of_all_groups_above_count() {
        let mounts =
            "22 1 8:1 / / rw - ext4 /dev/sda rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
        assert_eq!(
            files("0::/user.slice/node", mounts),
            [
                "/sys/fs/cgroup/user.slice/node/memory.max",
                "/sys/fs/cgroup/user.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
    }

    #[test]
    fn a_tree_of_the_first_version_is_found_where_it_is_mounted() {
        let mounts = "31 22 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu\n32 22 0:28 / /cg/mem rw - cgroup cgroup rw,memory";
        let groups = "5:cpu:/a\n4:memory:/b\n0::/";
        assert_eq!(
            files(groups, mounts),
            ["/cg/mem/b/memory.limit_in_bytes", "/cg/mem/memory.limit_in_bytes"]
        );
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let mounts = "30 22 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw";
        assert_eq!(
            files("0::/docker/1/app", mounts),
            ["/sys/fs/cgroup/app/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(files("0::/elsewhere", mounts), ["/sys/fs/cgroup/memory.max"]);
        assert!(files("", "").is_empty());
    }

    #[test]
    fn this_machine_has_some() {
        assert!((1 << 26..u64::MAX).contains(&machine_memory()));
    }
}
