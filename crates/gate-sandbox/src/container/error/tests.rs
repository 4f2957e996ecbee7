//! Which refusal is named for which combination of error and host.

use super::*;

const HOST: HostFacts = HostFacts {
    root: false,
    max_user_namespaces: Some(15000),
    unprivileged_userns_clone: None,
    apparmor_restricts: false,
    filtered: false,
    chroot: false,
};

#[track_caller]
fn check_clone(errno: i32, host: HostFacts, expect: Refusal) {
    assert_eq!(explain_clone(&io::Error::from_raw_os_error(errno), &host), expect);
}

#[test]
fn refusals_of_clone() {
    check_clone(libc::ENOSPC, HostFacts { max_user_namespaces: Some(0), ..HOST }, Refusal::NoUserNamespaces);
    check_clone(libc::ENOSPC, HOST, Refusal::TooMany);
    check_clone(libc::EUSERS, HOST, Refusal::TooMany);
    check_clone(libc::EINVAL, HOST, Refusal::Kernel);
    check_clone(libc::EPERM, HOST, Refusal::Unknown);
    check_clone(libc::ENOMEM, HOST, Refusal::Unknown);
    let debian = HostFacts { unprivileged_userns_clone: Some(0), ..HOST };
    check_clone(libc::EPERM, debian, Refusal::UnprivilegedClone);
    check_clone(libc::EPERM, HostFacts { root: true, ..debian }, Refusal::Unknown);
    check_clone(libc::EPERM, HostFacts { filtered: true, ..HOST }, Refusal::OuterFilter);
    check_clone(libc::ENOSYS, HostFacts { filtered: true, ..HOST }, Refusal::OuterFilter);
    check_clone(libc::EACCES, HostFacts { apparmor_restricts: true, ..HOST }, Refusal::AppArmor);
    check_clone(libc::EPERM, HostFacts { chroot: true, ..HOST }, Refusal::Root);
}

#[test]
fn refusals_of_steps() {
    let explain =
        |step, errno, host: HostFacts| explain_step(step, &io::Error::from_raw_os_error(errno), &host);
    let ubuntu = HostFacts { apparmor_restricts: true, ..HOST };
    assert_eq!(explain(Step::MountRoot, libc::EACCES, ubuntu), Some(Refusal::AppArmor));
    assert_eq!(explain(Step::HostName, libc::EPERM, ubuntu), Some(Refusal::AppArmor));
    assert_eq!(explain(Step::HostName, libc::EPERM, HostFacts { root: true, ..ubuntu }), None);
    assert_eq!(explain(Step::CloseDescriptors, libc::EPERM, ubuntu), None);
    assert_eq!(explain(Step::MountRoot, libc::ENOMEM, ubuntu), None);
    assert_eq!(
        explain(Step::MountRoot, libc::EPERM, HostFacts { filtered: true, ..HOST }),
        Some(Refusal::OuterFilter)
    );
    assert_eq!(explain(Step::PivotRoot, libc::EINVAL, HOST), Some(Refusal::Root));
}

#[test]
fn every_refusal_says_what_to_do() {
    for (refusal, command) in [
        (Refusal::NoUserNamespaces, "sysctl -w user.max_user_namespaces=15000"),
        (Refusal::UnprivilegedClone, "sysctl -w kernel.unprivileged_userns_clone=1"),
        (Refusal::AppArmor, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (Refusal::TooMany, "sysctl user.max_user_namespaces"),
        (Refusal::OuterFilter, "--security-opt seccomp=unconfined"),
        (Refusal::Kernel, "CONFIG_USER_NS"),
        (Refusal::Root, "root file system of its own"),
        (Refusal::Unknown, "dmesg"),
    ] {
        assert!(refusal.to_string().contains(command), "{refusal}");
    }
}

#[test]
fn ends_are_told_if_they_are_known() {
    let text = |ending| StartError::Died { ending }.to_string();
    assert_eq!(text(None), "the container's first process ended during its preparation");
    let died = text(Some(Ending::Signaled(9)));
    assert_eq!(died, "the container's first process ended during its preparation (signal 9)");
}
