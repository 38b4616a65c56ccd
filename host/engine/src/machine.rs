//! The memory that a node can hope for: the machine's, or less if a control group says so.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::process::{MountInfo, Process};
use procfs::{Current as _, Meminfo, ProcResult, ProcessCGroup};

/// In bytes.
pub(crate) fn machine_memory() -> u64 {
    let machine = Meminfo::current().map_or(u64::MAX, |info| info.mem_total);
    // `max`, and what the first version writes for no limit, are more than any machine has.
    let limit = |file: &PathBuf| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    own_limit_files().unwrap_or_default().iter().filter_map(limit).fold(machine, u64::min)
}

/// The files with the limits of this process's control group and of all above it, wherever they are mounted.
fn own_limit_files() -> ProcResult<Vec<PathBuf>> {
    let own = Process::myself()?;
    let (groups, mounts): (Vec<_>, Vec<_>) =
        (own.cgroups()?.into_iter().collect(), own.mountinfo()?.into_iter().collect());
    Ok(limit_files(&groups, &mounts))
}

fn limit_files(groups: &[ProcessCGroup], mounts: &[MountInfo]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for mount in mounts {
        // The second version has one tree for everything, and no names of controllers.
        let (file, controller) = match mount.fs_type.as_str() {
            "cgroup2" => ("memory.max", None),
            "cgroup" if mount.super_options.contains_key("memory") => {
                ("memory.limit_in_bytes", Some("memory"))
            }
            _ => continue,
        };
        let of_this = |group: &&ProcessCGroup| match controller {
            None => group.controllers.iter().all(String::is_empty),
            Some(name) => group.controllers.iter().any(|controller| controller == name),
        };
        let Some(group) = groups.iter().find(of_this) else { continue };
        // A container may see only a part of the tree, whose root is the group that it is in.
        let below = Path::new(&group.pathname).strip_prefix(&mount.root).unwrap_or(Path::new(""));
        let folders = below.ancestors().map(|folder| mount.mount_point.join(folder));
        files.extend(folders.map(|folder| folder.join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use procfs::process::MountInfos;
    use procfs::{FromBufRead as _, ProcessCGroups};

    use super::*;

    fn files(groups: &str, mounts: &str) -> Vec<String> {
        let groups =
            ProcessCGroups::from_buf_read(groups.as_bytes()).expect("groups").into_iter().collect::<Vec<_>>();
        let mounts =
            MountInfos::from_buf_read(mounts.as_bytes()).expect("mounts").into_iter().collect::<Vec<_>>();
        limit_files(&groups, &mounts).iter().map(|file| file.display().to_string()).collect()
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
