//! Opting out of Windows turning everything else down during a call.

use windows::Win32::Media::Audio::{
    DEVICE_STATE_ACTIVE, IAudioSessionControl2, IAudioSessionManager2, IMMDeviceEnumerator,
    MMDeviceEnumerator, eAll,
};
use windows::Win32::System::Com::{CLSCTX_ALL, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx};
use windows::core::{Interface, Result};

/// Tells every device that this program's sessions shall not turn others down. The system forgets
/// it with the session, so it is said again whenever a stream was opened.
pub(super) fn opt_out() {
    if let Err(error) = try_opt_out() {
        tracing::warn!(%error, "Windows may turn other programs down during a call");
    }
}

fn try_opt_out() -> Result<()> {
    // SAFETY: COM is initialised on this thread before it is used; initialising it again is
    // allowed and only counted. All pointers are owned by the interface types.
    unsafe {
        let _ = CoInitializeEx(None, COINIT_MULTITHREADED);
        let enumerator: IMMDeviceEnumerator = CoCreateInstance(&MMDeviceEnumerator, None, CLSCTX_ALL)?;
        let devices = enumerator.EnumAudioEndpoints(eAll, DEVICE_STATE_ACTIVE)?;
        for index in 0..devices.GetCount()? {
            let device = devices.Item(index)?;
            let manager: IAudioSessionManager2 = device.Activate(CLSCTX_ALL, None)?;
            let session = manager.GetAudioSessionControl(None, 0)?;
            session.cast::<IAudioSessionControl2>()?.SetDuckingPreference(true)?;
        }
    }
    Ok(())
}
