//! The actor world, generated from `wit/`.

#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated"
)]
pub mod service {
    wit_bindgen::generate!({
        path: "../wit",
        world: "service-short",
        pub_export_macro: true,
        export_macro_name: "export_service",
        default_bindings_module: "rusm_rs::__rt::bindings::service",
        runtime_path: "::rusm_rs::__rt::wit_bindgen::rt",
        additional_derives: [PartialEq, Eq, Hash],
        generate_all,
    });
}

#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated"
)]
pub mod raw {
    wit_bindgen::generate!({
        path: "../wit",
        world: "raw",
        pub_export_macro: true,
        export_macro_name: "export_raw",
        default_bindings_module: "rusm_rs::__rt::bindings::raw",
        runtime_path: "::rusm_rs::__rt::wit_bindgen::rt",
        type_section_suffix: "raw",
        with: {
            "rusm:actor/types@0.1.0": crate::bindings::service::rusm::actor::types,
            "rusm:actor/process@0.1.0": crate::bindings::service::rusm::actor::process,
            "rusm:actor/names@0.1.0": crate::bindings::service::rusm::actor::names,
            "rusm:actor/timers@0.1.0": crate::bindings::service::rusm::actor::timers,
            "rusm:actor/groups@0.1.0": crate::bindings::service::rusm::actor::groups,
            "rusm:actor/supervision@0.1.0": crate::bindings::service::rusm::actor::supervision,
            "rusm:actor/supervisors@0.1.0": crate::bindings::service::rusm::actor::supervisors,
            "rusm:actor/logging@0.1.0": crate::bindings::service::rusm::actor::logging,
            "rusm:actor/options@0.1.0": crate::bindings::service::rusm::actor::options,
            "rusm:actor/wait@0.1.0": crate::bindings::service::rusm::actor::wait,
            "rusm:actor/callbacks@0.1.0": crate::bindings::service::rusm::actor::callbacks,
        },
    });
}

pub use service::exports::rusm::actor::{server, server_short};
pub use service::rusm::actor::{
    callbacks, groups, logging, names, options, outcomes, process, supervision, supervisors, timers, types,
    wait,
};
